"""The package as a thing to install: contents, version, types, and the Pythons it is for."""
import ast
import os
import re
import subprocess
import sys
import tarfile
import venv

import pytest
from conftest import PACKAGE, ROOT, SITE, TEXTS, WORK

VERSION = re.search(r"project\(fintag VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))[1]
SOURCES = sorted((PACKAGE / "fintag").glob("*.py"))


def test_one_version_and_a_source_distribution_that_carries_the_contract():
    import fintag
    assert fintag.__version__ == VERSION
    assert (WORK / "dist" / f"fintag-{VERSION}-py3-none-any.whl").exists()
    with tarfile.open(WORK / "dist" / f"fintag-{VERSION}.tar.gz") as archive:
        names = archive.getnames()
    protos = {path.name for path in (ROOT / "proto/fintag/v1").glob("*.proto")}
    assert protos == {name.rpartition("/")[2] for name in names if name.endswith(".proto")}
    assert not [name for name in names if name.endswith(("_pb2.py", ".pyi"))]
    assert (SITE / "fintag/py.typed").exists() and (SITE / "fintag/v1/training_pb2.pyi").exists()
    assert not subprocess.run(["git", "ls-files", "*_pb2*"], cwd=PACKAGE, capture_output=True, check=False).stdout


def test_every_call_is_one_of_the_contract():
    """Path, types and streaming of each Method are those of the services' descriptors."""
    from fintag import _methods
    from fintag.v1 import admin_pb2, dataset_pb2, model_pb2, tagging_pb2, training_pb2
    contract = {f"/{service.full_name}/{method.name}": (method.input_type.full_name, method.output_type.full_name)
                for module in (admin_pb2, dataset_pb2, model_pb2, tagging_pb2, training_pb2)
                for service in module.DESCRIPTOR.services_by_name.values() for method in service.methods}
    ours = [value for value in vars(_methods).values() if isinstance(value, _methods.Method)]
    assert len(ours) >= 15
    for method in ours:
        assert contract[method.path] == (method.request.DESCRIPTOR.full_name, method.response.DESCRIPTOR.full_name)


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_types_are_strict(version):
    checked = subprocess.run([sys.executable, "-m", "mypy", "--config-file", PACKAGE / "pyproject.toml",
                              "--python-version", version, "--cache-dir", WORK / f"mypy-{version}", "-p", "fintag"],
                             cwd=SITE, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_a_users_program_is_checked_against_our_types(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("""\
import fintag

client = fintag.Client()
one: fintag.TaggedText = client.tag("text", model="m")
many: fintag.TaggedTexts = client.tag(["text", fintag.Words(["a"])], model=client.models.get("m"))
label: str = one[0].label
for epoch in client.train(dataset="d", base="b", model="m", epochs=3, schedule="linear").watch():
    f1: float = epoch.f1

async def run(client: fintag.AsyncClient) -> fintag.TaggedText:
    return await client.tag("text", model="m")

client.train(dataset="d", base="b", model="m", epochz=3)
client.train(dataset="d", base="b", model="m", schedule="cosine")
client.tag("text", model="m", decoding="viterbi")
""", encoding="utf-8")
    checked = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", WORK / "mypy-user", program],
                             cwd=SITE, capture_output=True, text=True, check=False)
    wrong = re.findall(r"program\.py:(\d+): error: .*?(epochz|schedule|\[call-overload\])", checked.stdout)
    assert [line for line, _ in wrong] == ["13", "14", "15"] and "Found 3 errors" in checked.stdout, checked.stdout


def test_syntax_and_library_of_python_3_9():
    for source in SOURCES:
        ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 9))
    vermin = os.path.join(os.path.dirname(sys.executable), "vermin")
    checked = subprocess.run([vermin, "--no-tips", "-t=3.9-", "--violations", "--eval-annotations",
                              "--no-parse-comments", *SOURCES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_sources_are_short_and_tidy():
    for source in SOURCES:
        lines = source.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 300 and max(map(len, lines)) <= 120, source
        assert lines[0].startswith('"""'), source


def test_the_wheel_in_a_fresh_environment(served, tmp_path):
    """Installed with what it asks for, by the newest versions of these, and nothing else; then used."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}

    def run(*arguments, **extra):
        done = subprocess.run([python, *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path, check=False,
                              env=environment | extra)
        assert done.returncode == 0, done.stdout + done.stderr
        return done
    wheel, = (WORK / "dist").glob("*.whl")
    run("-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    run("-m", "pip", "check")
    used = run("-W", "error", "-c", f"""
import asyncio, importlib.metadata, sys
import fintag
assert fintag.__version__ == {VERSION!r} and sys.prefix in fintag.__file__
assert not {{"pandas", "datasets", "tqdm", "IPython", "numpy"}} & set(sys.modules)
with fintag.Client() as client:
    job = client.train(dataset="small", base="base", model="fresh", epochs=1, threads=1)
    assert job.wait(progress=True).state == "SUCCEEDED"
    print(client.tag({TEXTS[0]!r}, model="tagger")[0].text)
async def tag():
    async with fintag.AsyncClient() as client:
        return await client.tag({TEXTS[0]!r}, model="tagger")
print(asyncio.run(tag())[0].text)
print("protobuf", importlib.metadata.version("protobuf"), "grpcio", importlib.metadata.version("grpcio"))
""", FINTAG_SERVER=served.address)
    assert "100%" in used.stderr
    assert used.stdout.splitlines()[0] == used.stdout.splitlines()[1] and used.stdout.splitlines()[0] in TEXTS[0]
    print(used.stdout)
