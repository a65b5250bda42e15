"""The Dockerfile and the scripts, by hadolint and shellcheck; the configuration files by the server that reads them."""
import os
import pathlib
import subprocess

import pytest

from conftest import ROOT, run

BIN = pathlib.Path(os.environ["FINTAG_BIN"])


def test_the_dockerfile_is_clean():
    assert run("hadolint", "Dockerfile").stdout == ""


def test_hadolint_finds_what_is_wrong(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian\nRUN apt-get install -y curl\n", encoding="utf-8")
    result = run("hadolint", str(wrong), check=False)
    assert result.returncode != 0 and "DL3008" in result.stdout


def test_the_scripts_are_clean():
    scripts = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "deploy").glob("**/*.sh"))
    assert "deploy/image.sh" in scripts
    # Empty assignments ("name="), an exported command substitution and what a sourced file sets are meant.
    run("shellcheck", "--shell=bash", "--external-sources", "--severity=warning", "--exclude=SC1007,SC2034,SC2155",
        *scripts)


@pytest.mark.parametrize("path, options", [
    ("deploy/container/fintagd.toml", ["--insecure"]), ("deploy/kubernetes/base/fintagd.toml", []),
    ("deploy/kubernetes/overlays/trial/fintagd.toml", [])])
def test_the_server_reads_its_configuration(path, options, tmp_path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert '"/data"' in text
    config = tmp_path / "fintagd.toml"
    # A file in the data folder's place: the options were understood if that is what the server ends with.
    config.write_text(text.replace("/data", f"{config}/data"), encoding="utf-8")
    result = subprocess.run([BIN / "fintagd", "--config", config, *options], capture_output=True, text=True, timeout=30,
                            check=False)
    assert result.returncode == 1, result.stderr
    assert f"{config}/data" in result.stderr


def test_the_container_starts_with_tls_and_tokens_or_on_purpose_without():
    result = subprocess.run([BIN / "fintagd", "--config", ROOT / "deploy/container/fintagd.toml"], capture_output=True,
                            text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert "give --tls-cert and --tls-key, and --tokens or --tls-client-ca" in result.stderr
