"""What the tests of generated clients have in common."""
import os
import pathlib
import shutil
import subprocess

from conftest import ROOT
from served_model import TEXTS

HERE = pathlib.Path(__file__).parent
TEXT = "Größe: " + TEXTS[0]


def generate(language, work, *options):
    """Copies the language's example to `work` and lets buf write the contract's code there."""
    shutil.copytree(HERE / language, work, dirs_exist_ok=True)
    run([os.environ["FINTAG_BUF"], "generate", ROOT / "proto", "--template", work / "buf.gen.yaml", "-o", work, *options],
        work)


def run(command, folder):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected(server, text, not_found):
    """What the example prints of `text`."""
    entities = server.tag([text], model="models/sec").results[0].entities
    assert entities
    return ["SERVING", not_found] + [f"{e.label}\t{e.start}\t{e.end}\t{e.text}" for e in entities]
