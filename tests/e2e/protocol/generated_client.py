"""What the tests of generated clients have in common."""
import os
import pathlib
import shutil
import subprocess

from conftest import ROOT
from served_model import TEXTS

HERE = pathlib.Path(__file__).parent
HEALTH = pathlib.Path("/usr/share/grpc-proto")  # Debian's grpc-proto


def generate(language, work):
    """Copies the language's example to `work` and lets buf write the contract's code, and the health service's, there."""
    shutil.copytree(HERE / language, work, dirs_exist_ok=True)
    for protos, path in (ROOT / "proto", "fintag"), (HEALTH, "grpc/health/v1/health.proto"):
        run([os.environ["FINTAG_BUF"], "generate", protos, "--template", work / "buf.gen.yaml", "-o", work,
             "--path", protos / path], work)


def run(command, folder):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected(server, text, not_found):
    """What the example prints of `text`."""
    entities = server.tag([text], model="models/sec").results[0].entities
    assert entities
    return ["SERVING", not_found] + [f"{e.label}\t{e.start}\t{e.end}\t{e.text}" for e in entities]


TEXT = "Größe: " + TEXTS[0]
