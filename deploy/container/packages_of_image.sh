#!/usr/bin/env bash
# Writes the Debian packages of an OCI archive as "name=version" lines, out of the layers, without an engine:
#   packages_of_image.sh ARCHIVE FOLDER
#   FOLDER/packages.txt        what is installed in the image, by its own package database
#   FOLDER/build_packages.txt  what its programs were compiled with, as deploy/bundle.sh left it there
set -euo pipefail
python3 - "$@" <<'PYTHON'
import json, pathlib, sys, tarfile

STATUS, BUILT_FROM = "var/lib/dpkg/status", "opt/fintag/share/fintag/build_packages.txt"
archive, folder = sys.argv[1], pathlib.Path(sys.argv[2])
found = {}
with tarfile.open(archive) as archive:
    def blob(digest):
        return archive.extractfile("blobs/" + digest.replace(":", "/"))

    manifest = json.load(archive.extractfile("index.json"))["manifests"][0]
    # Docker puts an index of platforms between.
    while True:
        manifest = json.load(blob(manifest["digest"]))
        if "layers" in manifest:
            break
        manifest = manifest["manifests"][0]
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=blob(layer["digest"]), mode="r|*") as files:
            for member in files:
                name = member.name.removeprefix("./").removeprefix("/")
                if name in (STATUS, BUILT_FROM) and member.isfile():
                    found[name] = files.extractfile(member).read().decode()

packages = []
for paragraph in found[STATUS].split("\n\n"):
    fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" "))
    if fields.get("Status", "").endswith(" installed"):
        packages.append(f"{fields['Package']}={fields['Version']}\n")
(folder / "packages.txt").write_text("".join(packages))
(folder / "build_packages.txt").write_text(found[BUILT_FROM])
PYTHON
