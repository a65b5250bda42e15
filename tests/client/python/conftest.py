"""The Python package as its users get it (the wheel, built and unpacked) against the real server.

Environment: as tests/e2e/conftest.py, whose servers are used.
"""
import importlib.util
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "client/python"
WORK = pathlib.Path(os.environ["FINTAG_BIN"]).parent / "python"
SITE = WORK / "site"

_spec = importlib.util.spec_from_file_location("servers", ROOT / "tests/e2e/conftest.py")
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)
BASE, BIN, CORPUS, PATIENCE = servers.BASE, servers.BIN, servers.CORPUS, servers.PATIENCE
start_server = servers.start_server
TEXTS = (CORPUS / "three_sentences.txt").read_text(encoding="utf-8").splitlines()


def pytest_configure():
    """Builds the source distribution, and the wheel from it, and imports from the wheel."""
    subprocess.run(["rm", "-rf", WORK], check=True)
    built = subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", WORK / "dist", PACKAGE],
                           capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    wheel, = (WORK / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(SITE)
    sys.path.insert(0, str(SITE))
    # For programs that tests start.
    os.environ["PYTHONPATH"] = str(SITE)
    for name in [name for name in os.environ if name.startswith("FINTAG_") and name[7:] in (
            "SERVER", "TOKEN", "TOKEN_FILE", "TLS", "CA", "CERTIFICATE", "KEY")]:
        del os.environ[name]


def sentences(path, count):
    """The first `count` sentences of a CoNLL file as (words, tags)."""
    blocks = servers.sentences(path, count).decode().strip().split("\n\n")
    rows = [[line.split() for line in block.splitlines()] for block in blocks]
    return [([row[0] for row in block], [row[-1] for row in block]) for block in rows]


@pytest.fixture(scope="session")
def corpus():
    """Training and validation sentences, few enough to train on in seconds."""
    return sentences(CORPUS / "train.conll", 250), sentences(CORPUS / "validation.conll", 40)


@pytest.fixture(scope="session")
def served(tmp_path_factory, corpus):
    """A server with a base encoder, two datasets and a trained tagger, made through the client. Tests add to it."""
    import fintag
    running = servers.Server(tmp_path_factory.mktemp("served") / "data")
    try:
        with fintag.Client(running.address, timeout=30 * PATIENCE) as client:
            client.models.import_("base", BASE)
            client.upload("corpus", *corpus)
            client.upload("small", corpus[0][:60], corpus[1][:20])
            running.epochs = list(client.train(dataset="corpus", base="base", model="tagger", epochs=3, threads=1,
                                               learning_rate=2e-4).watch())
        yield running
    finally:
        running.stop()


@pytest.fixture
def client(served):
    import fintag
    with fintag.Client(served.address, timeout=30 * PATIENCE) as connected:
        yield connected
        # A job that a failed test left would hold up those of the others.
        for job in connected.jobs.list():
            if not job.state.final:
                job.cancel()


@pytest.fixture
def own(start_server, corpus):
    """A server of the test's own, which it may kill, with a base encoder and a small dataset."""
    import fintag
    running = start_server()
    with fintag.Client(running.address, timeout=30 * PATIENCE) as connected:
        connected.models.import_("base", BASE)
        connected.upload("small", corpus[0][:60], corpus[1][:20])
    return running
