"""deploy/sbom.py against CycloneDX's own schema."""
import json
import subprocess
import sys

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from conftest import ROOT, version


def write_bill(tmp_path, *options):
    packages = tmp_path / "packages.txt"
    packages.write_text("libre2-9=20220601+dfsg-1+b1\nlibgrpc++1.51=1.51.1-3+b1\nadduser=3:3.134\n", encoding="utf-8")
    built_from = tmp_path / "built_from.txt"
    built_from.write_text("libcli11-dev=2.1.2+ds-1\nlibre2-9=20220601+dfsg-1+b1\n", encoding="utf-8")
    return subprocess.run([sys.executable, ROOT / "deploy/sbom.py", "--name", "fintag-image", "--packages", packages,
                           "--built-from", built_from, *options], capture_output=True, text=True, check=True).stdout


def test_it_matches_the_schema(tmp_path):
    text = write_bill(tmp_path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"book"')) is not None


def test_it_names_every_part(tmp_path):
    bill = json.loads(write_bill(tmp_path))
    assert bill["metadata"]["component"]["version"] == version()
    purls = [part["purl"] for part in bill["components"]]
    assert "pkg:deb/debian/libgrpc%2B%2B1.51@1.51.1-3%2Bb1?arch=amd64&distro=debian-12" in purls
    assert "pkg:deb/debian/adduser@3%3A3.134?arch=amd64&distro=debian-12" in purls
    assert len(purls) == len(set(purls)) == 6
    torch = next(part for part in bill["components"] if part["name"] == "torch")
    assert torch["version"].endswith("+cpu")
    assert torch["hashes"][0]["content"] in (ROOT / "deploy/install.sh").read_text(encoding="utf-8")


def test_the_same_parts_make_the_same_document(tmp_path):
    assert write_bill(tmp_path) == write_bill(tmp_path)


def test_cudas_bill_has_nvidias_wheels(tmp_path):
    wheels = tmp_path / "wheels.txt"
    wheels.write_text(f"nvidia-cublas=13.1.0.3 {'a' * 64}\nnvidia-nccl-cu13=2.28.9 {'b' * 64}\n", encoding="utf-8")
    text = write_bill(tmp_path, "--torch", "cuda", "--wheels", wheels)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {part["purl"]: part for part in json.loads(text)["components"]}
    assert parts["pkg:pypi/nvidia-nccl-cu13@2.28.9"]["hashes"][0]["content"] == "b" * 64
    assert "pkg:pypi/nvidia-cublas@13.1.0.3" in parts
    assert not next(part for part in parts.values() if part["name"] == "torch")["version"].endswith("+cpu")
    assert json.loads(text)["serialNumber"] != json.loads(write_bill(tmp_path))["serialNumber"]
    with pytest.raises(subprocess.CalledProcessError):
        write_bill(tmp_path, "--torch", "cuda")
