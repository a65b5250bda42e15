"""How the package is built: its version and the modules that are generated from the contract.

In the repository both come from its root (CMakeLists.txt and proto/); a source distribution carries them along.
"""
import importlib.resources
import pathlib
import re
import shutil
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


def version() -> str:
    """Of CMakeLists.txt; in a source distribution, the one that it was made with."""
    written = HERE / "PKG-INFO"
    if written.exists():
        found = re.search(r"^Version: (\S+)$", written.read_text(encoding="utf-8"), re.MULTILINE)
    else:
        text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
        found = re.search(r"project\(fintag VERSION ([0-9.]+)", text)
    if not found:
        raise RuntimeError("no version found: build from the repository or from a source distribution")
    return found[1]


def generate(protos: pathlib.Path, package: pathlib.Path) -> None:
    """Writes the modules of fintag.v1 and their type stubs into `package`/v1."""
    from grpc_tools import protoc

    target = package / "v1"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    (target / "__init__.py").write_text('"""The contract\'s messages and stubs, generated."""\n', encoding="utf-8")
    plugins = pathlib.Path(sys.executable).parent
    google = importlib.resources.files("grpc_tools") / "_proto"
    files = sorted(str(path.relative_to(protos)) for path in (protos / "fintag/v1").glob("*.proto"))
    out = package.parent
    status = protoc.main([
        "protoc", f"-I{protos}", f"-I{google}", f"--python_out={out}", f"--grpc_python_out={out}",
        f"--plugin=protoc-gen-mypy={find_plugin('protoc-gen-mypy', plugins)}",
        f"--plugin=protoc-gen-mypy_grpc={find_plugin('protoc-gen-mypy_grpc', plugins)}",
        f"--mypy_out=quiet:{out}", f"--mypy_grpc_out=quiet:{out}", *files])
    if status != 0:
        raise RuntimeError(f"protoc failed with status {status} on {', '.join(files)}")


def find_plugin(name: str, folder: pathlib.Path) -> str:
    """Beside the running Python, whose environment need not be on PATH."""
    found = shutil.which(name, path=str(folder)) or shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is not installed: pip install mypy-protobuf")
    return found


class ContractHook(BuildHookInterface):  # type: ignore[type-arg]
    """Generates the modules before a wheel is packed, or an editable one is installed."""

    def initialize(self, version: str, build_data: "dict[str, Any]") -> None:
        if self.target_name == "wheel":
            carried = HERE / "proto"
            generate(carried if carried.exists() else REPOSITORY / "proto", HERE / "fintag")
