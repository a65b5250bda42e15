"""A TypeScript client: buf and protoc-gen-es write its code, tsc compiles it, Connect's gRPC transport speaks."""
import os
import pathlib

from generated_client import TEXT, expected, generate, run
from served_model import served  # noqa: F401  (a fixture)


def test_a_client_of_generated_typescript(served, tmp_path, monkeypatch):  # noqa: F811
    packages = pathlib.Path(os.environ["FINTAG_NODE_PACKAGES"])
    monkeypatch.setenv("PATH", f"{packages / 'node_modules/.bin'}:{os.environ['PATH']}")
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    generate("typescript", tmp_path)
    run(["tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "smoke.ts"], tmp_path)
    printed = run(["node", "smoke.js", served.address, TEXT], tmp_path)
    assert printed.splitlines() == expected(served, TEXT, "NotFound")
