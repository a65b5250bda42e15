"""container/packages_of_image.sh on small archives: both lists are the image's own."""
import hashlib
import io
import json
import subprocess
import tarfile

import pytest

from conftest import ROOT

STATUS = "var/lib/dpkg/status"
BUILT_FROM = "opt/fintag/share/fintag/build_packages.txt"


def tar(files, mode="w"):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


def paragraph(name, number, state="install ok installed"):
    return f"Package: {name}\nStatus: {state}\nVersion: {number}\nDescription: short\n long: of it\n"


def write_archive(path, layers, nested):
    """An OCI archive; with `nested` as Docker writes it, with an index of platforms between."""
    files = {}

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}
    top = blob(json.dumps({"layers": [blob(layer) for layer in layers]}).encode())
    if nested:
        top = blob(json.dumps({"manifests": [top]}).encode())
    files["index.json"] = json.dumps({"manifests": [top]}).encode()
    path.write_bytes(tar(files))


def packages_of(tmp_path, layers, nested=False):
    write_archive(tmp_path / "image.tar", layers, nested)
    subprocess.run([ROOT / "deploy/container/packages_of_image.sh", tmp_path / "image.tar", tmp_path], check=True)
    return [(tmp_path / f"{name}.txt").read_text(encoding="utf-8") for name in ("packages", "build_packages")]


@pytest.mark.parametrize("nested", [False, True])
def test_the_last_layer_that_has_a_file_counts(tmp_path, nested):
    debian = tar({f"./{STATUS}": paragraph("libre2-9", "1").encode(), "./etc/passwd": b"root"}, "w:gz")
    installed = "\n".join([paragraph("libre2-9", "2+b1"), paragraph("gone", "3", "deinstall ok config-files"),
                           paragraph("adduser", "3:3.134")])
    programs = tar({STATUS: installed.encode(), BUILT_FROM: b"libcli11-dev=2.1\nzlib1g-dev=1:1.2\n"})
    assert packages_of(tmp_path, [debian, programs], nested) == ["libre2-9=2+b1\nadduser=3:3.134\n",
                                                                 "libcli11-dev=2.1\nzlib1g-dev=1:1.2\n"]


def test_an_image_without_either_list_is_refused(tmp_path):
    for name, content in ((STATUS, paragraph("adduser", "3").encode()), (BUILT_FROM, b"libcli11-dev=2.1\n")):
        with pytest.raises(subprocess.CalledProcessError):
            packages_of(tmp_path, [tar({name: content})])


def test_the_bill_of_a_release_takes_both_lists_from_the_image():
    script = (ROOT / "deploy/release.sh").read_text(encoding="utf-8")
    command = script[script.index("deploy/sbom.py --name fintag-image"):].split(">")[0].split()
    folder = script[script.index("deploy/container/packages_of_image.sh"):].split()[2].strip('"')
    assert [command[command.index(option) + 1].strip('"') for option in ("--packages", "--built-from")] == \
        [f"{folder}/packages.txt", f"{folder}/build_packages.txt"]
