#!/usr/bin/env bash
# Prints the Debian packages of an OCI archive as "name=version" lines, out of the layers, without an engine.
#   packages_of_image.sh ARCHIVE
set -euo pipefail
python3 - "$1" <<'PYTHON'
import json, sys, tarfile

with tarfile.open(sys.argv[1]) as archive:
    def blob(digest):
        return archive.extractfile("blobs/" + digest.replace(":", "/"))

    manifest = json.load(archive.extractfile("index.json"))["manifests"][0]
    # Docker puts an index of platforms between.
    while True:
        manifest = json.load(blob(manifest["digest"]))
        if "layers" in manifest:
            break
        manifest = manifest["manifests"][0]
    status = None
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=blob(layer["digest"]), mode="r|*") as files:
            for member in files:
                if member.name.lstrip("./") == "var/lib/dpkg/status" and member.isfile():
                    status = files.extractfile(member).read().decode()

for paragraph in status.split("\n\n"):
    fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" "))
    if fields.get("Status", "").endswith(" installed"):
        print(f"{fields['Package']}={fields['Version']}")
PYTHON
