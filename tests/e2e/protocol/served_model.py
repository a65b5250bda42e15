"""One server for all tests of a file: the trained tagger as models/sec, the base encoder as models/base."""
import pytest
from conftest import BASE, CORPUS, Server

TEXTS = (CORPUS / "three_sentences.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def served(tmp_path_factory, trained):
    running = Server(tmp_path_factory.mktemp("served") / "data", "--max-text-bytes", "100000", "--max-texts", "64")
    running.import_model("sec", trained)
    running.import_model("base", BASE)
    yield running
    running.stop()


def entities_of(result):
    """A fintag.v1.TaggedText's entities as the tensor ENTITIES has them."""
    return [{"text": e.text, "label": e.label, "start": e.start, "end": e.end, "score": float(f"{e.score:.6g}")}
            for e in result.entities]
