#!/usr/bin/env python3
"""Writes a software bill of materials (CycloneDX 1.6, JSON) of an image or a tarball to the standard output.

    sbom.py --name NAME --packages FILE [--built-from FILE] [--torch cpu|cuda --wheels FILE]

FILE has one Debian package a line, "name=version" as deploy/bundle.sh writes them; that of --wheels, which CUDA's LibTorch
needs, has NVIDIA's wheels, "name=version sha256". What is pinned in deploy/install.sh (LibTorch and the protos) is read
from there, the product's version from CMakeLists.txt.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]


def version():
    """The version that everything is released as."""
    return re.search(r"^project\(fintag VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"),
                     re.M)[1]


def pins():
    """The variables of deploy/install.sh: torch_version, torch_sha256 and so on."""
    text = (ROOT / "deploy/install.sh").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+_(?:version|sha256))=(\S+)$", text, re.M))


def component(kind, name, number, purl, **more):
    return {"type": kind, "bom-ref": purl, "name": name, "version": number, "purl": purl, **more}


def debian_package(line, scope):
    """A line of the list; "build" packages are compiled in as headers or archives."""
    name, number = line.split("=", 1)
    quoted = urllib.parse.quote(number, safe=".-~")
    purl = f"pkg:deb/debian/{urllib.parse.quote(name, safe='.-')}@{quoted}?arch=amd64&distro=debian-12"
    return component("library", name, number, purl, properties=[{"name": "fintag:part", "value": scope}])


def wheel(name, number, sha256, licence):
    """A wheel that parts were taken of."""
    return component("library", name, number, f"pkg:pypi/{name}@{urllib.parse.quote(number)}",
                     hashes=[{"alg": "SHA-256", "content": sha256}], licenses=[{"license": licence}])


def pinned_wheels(torch):
    pinned = pins()
    number, sha256 = pinned["torch_version"], pinned["torch_sha256" if torch == "cpu" else "torch_cuda_sha256"]
    return [wheel("torch", number + ("+cpu" if torch == "cpu" else ""), sha256, {"id": "BSD-3-Clause"}),
            wheel("googleapis-common-protos", pinned["protos_version"], pinned["protos_sha256"],
                  {"id": "Apache-2.0"})]


def nvidia_wheel(line):
    name_and_number, sha256 = line.split()
    return wheel(*name_and_number.split("=", 1), sha256, {"name": "NVIDIA Proprietary Software"})


def timestamp():
    """That of the commit, so that the same sources give the same document."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds is None:
        shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
        seconds = shown.stdout.strip() or "0"
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def lines_of(path):
    return sorted({line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()})


def bill(options):
    product = component("application", options.name, version(), f"pkg:generic/{options.name}@{version()}",
                        licenses=[{"license": {"id": "Apache-2.0"}}])
    parts = [debian_package(line, "included") for line in lines_of(options.packages)]
    included = {part["bom-ref"] for part in parts}
    if options.built_from:
        compiled_in = [debian_package(line, "compiled in") for line in lines_of(options.built_from)]
        parts += [part for part in compiled_in if part["bom-ref"] not in included]
    parts += pinned_wheels(options.torch)
    if options.wheels:
        parts += [nvidia_wheel(line) for line in lines_of(options.wheels)]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": timestamp(), "component": product},
        "components": parts,
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    # The same content has the same serial number.
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True)).urn
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--packages", type=pathlib.Path, required=True)
    parser.add_argument("--built-from", type=pathlib.Path)
    parser.add_argument("--torch", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--wheels", type=pathlib.Path)
    options = parser.parse_args()
    if (options.torch == "cuda") != (options.wheels is not None):
        parser.error("--torch cuda needs --wheels, and nothing else does")
    json.dump(bill(options), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
