"""The example notebook, executed against a server that has nothing yet.

FINTAG_WRITE_NOTEBOOK=1 puts what came out in its place, for `git diff` to show.
"""
import os
import pathlib
import re
import tempfile

import nbformat
import pytest
from conftest import BASE, CORPUS, PACKAGE, PATIENCE, ROOT, WORK, servers
from nbclient import NotebookClient
from nbconvert import HTMLExporter

NOTEBOOK = PACKAGE / "examples/train_and_tag.ipynb"


@pytest.fixture(scope="module")
def checked_in():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(checked_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    server = servers.Server(folder / "data")
    notebook = nbformat.reads(nbformat.writes(checked_in), as_version=4)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FINTAG_SERVER", server.address)
            patch.setenv("FINTAG_BASE", str(BASE))
            patch.setenv("FINTAG_CORPUS", str(CORPUS))
            patch.setenv("IPYTHONDIR", str(folder / "ipython"))
            NotebookClient(notebook, timeout=300 * PATIENCE, kernel_name="python3", coalesce_streams=True,
                           record_timing=False).execute(cwd=str(PACKAGE / "examples"))
    finally:
        server.stop()
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata["language_info"] = {"name": "python"}
    if os.environ.get("FINTAG_WRITE_NOTEBOOK"):
        nbformat.write(notebook, NOTEBOOK)
    WORK.joinpath("notebook.html").write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    return notebook


def shape(notebook):
    """What does not vary from machine to machine: kinds of outputs, and their texts but for figures and bars."""
    def text(output):
        found = output.get("text") or output.get("data", {}).get("text/plain", "")
        # Figures are a processor's own, and so is which entities are found.
        return re.sub(r"[\d.,:|█▏▎▍▌▋▊▉ ]+|, best|step/s|s/step|\?", "", found)
    return [[(output.output_type, sorted(output.get("data", {})), text(output)[:20]) for output in cell.outputs]
            for cell in notebook.cells if cell.cell_type == "code"]


def test_it_runs_and_is_what_is_checked_in(executed, checked_in):
    assert shape(executed) == shape(checked_in)
    assert [cell.source for cell in executed.cells] == [cell.source for cell in checked_in.cells]
    assert all(cell.outputs for cell in checked_in.cells[2:] if cell.cell_type == "code")


def test_it_shows_what_it_promises(executed):
    outputs = {cell.source.splitlines()[0]: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    training = "".join(output.text for output in outputs[next(k for k in outputs if k.startswith("job = "))])
    assert [int(n) for n in re.findall(r"<Epoch (\d)", training)] == [1, 2, 3] and "100%" in training
    highlighted = outputs["client.tag("][0].data["text/html"]
    assert '<mark class="c0" title="ORG' in highlighted and "Granite Harbor Bank" in highlighted
    wrong = outputs["sentences = ["][0].text
    assert wrong == "part train, sentence 2: has 1 words and 2 tags\n"


def test_nothing_of_this_machine_is_checked_in():
    text = NOTEBOOK.read_text(encoding="utf-8")
    for path in (pathlib.Path.home(), tempfile.gettempdir(), ROOT, BASE.parent, "/home/"):
        assert str(path) not in text
    assert not re.search(r"localhost:(?!50051)\d+|jobs/\d", text)
