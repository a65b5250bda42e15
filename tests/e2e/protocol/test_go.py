"""A Go client: buf and protoc-gen-go write its code, go compiles it with Debian's grpc-go."""
import os

from conftest import ROOT
from generated_client import TEXT, expected, generate, run
from served_model import served  # noqa: F401  (a fixture)


def test_a_client_of_generated_go(served, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GO111MODULE", "off")
    monkeypatch.setenv("GOPATH", f"{tmp_path}:/usr/share/gocode")
    monkeypatch.setenv("GOCACHE", os.environ["FINTAG_GO_CACHE"])
    # Debian's protoc-gen-go is older than proto3's `optional`, which files beside this one use.
    generate("go", tmp_path, "--path", ROOT / "proto/fintag/v1/tagging.proto")
    run(["go", "build", "-o", "smoke", "smoke"], tmp_path)
    printed = run(["./smoke", served.address, TEXT], tmp_path)
    assert printed.splitlines() == expected(served, TEXT, "NotFound")
