"""The deployment files as the programs that read them see them."""
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = pathlib.Path(sys.executable).parent


def run(program, *arguments, check=True, **options):
    """Runs a program of this virtual environment in the repository's root."""
    result = subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
                            **options)
    assert not check or result.returncode == 0, result.stdout + result.stderr
    return result


def version():
    """The version that everything is released as."""
    return re.search(r"^project\(fintag VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]


def render(folder):
    """Every resource of a rendering of the Kubernetes manifests, by kind and name."""
    text = run("kubectl", "kustomize", f"deploy/kubernetes/{folder}").stdout
    return {(r["kind"], r["metadata"]["name"]): r for r in yaml.safe_load_all(text)}


@pytest.fixture(scope="session", params=["base", "overlays/one-node", "overlays/gpu", "overlays/trial"])
def rendered(request):
    """One rendering of the server by itself."""
    resources = render(request.param)
    resources["overlay"] = request.param
    return resources
