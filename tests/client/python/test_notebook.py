"""The example notebook, executed against a server that has nothing yet.

FINTAG_WRITE_NOTEBOOK=1 puts what came out in its place, for `git diff` to show.
"""
import os
import pathlib
import re
import tempfile
from collections import Counter

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


MARK = re.compile(r'<mark class="c\d" title="([A-Z]+) ([\d.]+), (\d+)-(\d+)">([^<]*)<small>\1</small></mark>')
LEGEND = re.compile(r'<mark class="c\d">([A-Z]+)</mark> (\d+)')


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook, first_line):
    cell, = [cell for cell in code(notebook) if cell.source.startswith(first_line)]
    return cell.outputs


def text_of(output):
    """By kind: of a stream, or of each form that a notebook may choose from."""
    return {output.name: output.text} if "text" in output else dict(output.get("data", {}))


def masked(text):
    """Without what a processor's own rounding changes: figures, which epoch is the best, which entities are found."""
    text = re.sub(r" *\d+%\|[^|]*\|.*\[.*\]", " BAR", text)
    text = MARK.sub(r"\5", text)
    text = re.sub(rf"( &nbsp; {LEGEND.pattern})+", " LEGEND", text)
    text = re.sub(r"(<TaggedText '.*'): .*>", r"\1: ENTITIES>", text)
    text = re.sub(r"\d+ entities", "# entities", text)
    text = re.sub(r"'([BI]-[A-Z]+|O)'", "TAG", text)
    text = re.sub(r"'[A-Z]+', \d+", "LABEL, #", text)
    text = re.sub(r"\b\d+\.\d+(?=[,)>])", "#", text).replace(", best>", ">")
    text = re.sub(r"<(t[dh])>[\d.]+<", r"<\1>#<", text)
    text = re.sub(r"<td>[^<#][^<]*<", "<td>WORDS<", text)
    # A table of entities has as many rows as there are.
    return re.sub(r"(\s*<tr>(?:(?!</tr>).)*WORDS.*?</tr>)\1+", r"\1", text, flags=re.DOTALL)


def is_table(output):
    return 'class="dataframe"' in text_of(output).get("text/html", "")


def shape(notebook):
    """What does not vary from machine to machine: all that is shown before a model is trained; then what is around the
    figures and entities. The plain form of a table is another test's: its columns are as wide as the figures."""
    shapes, trained = [], False
    for cell in code(notebook):
        trained = trained or "client.train(" in cell.source
        shapes.append([(output.output_type, sorted(text_of(output)),
                        {kind: masked(text) if trained else text for kind, text in text_of(output).items()
                         if not (kind == "text/plain" and is_table(output))}) for output in cell.outputs])
    return shapes


def test_it_runs_and_is_what_is_checked_in(executed, checked_in):
    assert shape(executed) == shape(checked_in)
    assert [cell.source for cell in executed.cells] == [cell.source for cell in checked_in.cells]
    assert all(cell.outputs for cell in checked_in.cells[2:] if cell.cell_type == "code")


def rows(output):
    """Of a table, each without its number or name."""
    found = re.findall(r"<tr>(.*?)</tr>", text_of(output)["text/html"], re.DOTALL)
    return [re.findall("<td>(.*?)</td>", row) for row in found if "<td>" in row]


@pytest.mark.parametrize("which", ["executed", "checked_in"])
def test_its_outputs_agree(which, request):
    """They are of one run: what is shown twice is the same."""
    notebook = request.getfixturevalue(which)

    def output(first_line):
        return text_of(outputs_of(notebook, first_line)[0])
    for table in (shown for cell in code(notebook) for shown in cell.outputs if is_table(shown)):
        cells = " ".join(re.findall(r"<t[hd]>(.*?)</t[hd]>", text_of(table)["text/html"]))
        # Where the plain form is too wide it is broken, with a backslash.
        assert set(cells.split()) == set(text_of(table)["text/plain"].split()) - {"\\"}

    epochs = [re.findall(r"\d\.\d+", line) for line in re.findall("<Epoch .*>", output("job = ")["stdout"])]
    table = [(loss, *scores) for loss, _, *scores in rows(outputs_of(notebook, "job.to_pandas")[0])]
    micro = rows(outputs_of(notebook, "job.epochs")[0])[-2]
    for line, row in [*zip(epochs, table), (epochs[-1][1:4], micro[:3])]:
        assert [*map(float, line)] == pytest.approx([*map(float, row)], abs=1e-4)
    assert len(epochs) == len(table)

    one, many = output("client.tag("), output("texts = ")
    for shown in (one, many):
        marks = MARK.findall(shown["text/html"])
        labels = Counter(label for label, *_ in marks)
        assert {label: int(count) for label, count in LEGEND.findall(shown["text/html"])} == labels
    assert many["text/plain"].endswith(f", {len(marks)} entities>")
    table = rows(outputs_of(notebook, "results.to_pandas")[0])
    assert [(label, score, start, end, words) for _, words, label, start, end, score in table] == marks
    found = ", ".join(f"{label} {words!r}" for label, *_, words in MARK.findall(one["text/html"]))
    assert one["text/plain"].endswith(f": {found}>")


def test_it_shows_what_it_promises(executed):
    training = "".join(output.text for output in outputs_of(executed, "job = "))
    assert [int(n) for n in re.findall(r"<Epoch (\d)", training)] == [1, 2, 3] and "100%" in training
    highlighted = outputs_of(executed, "client.tag(")[0].data["text/html"]
    assert '<mark class="c0" title="ORG' in highlighted and "Granite Harbor Bank" in highlighted
    wrong = outputs_of(executed, "sentences = [")[0].text
    assert wrong == "part train, sentence 2: has 1 words and 2 tags\n"


def test_nothing_of_this_machine_is_checked_in():
    text = NOTEBOOK.read_text(encoding="utf-8")
    for path in (pathlib.Path.home(), tempfile.gettempdir(), ROOT, BASE.parent, "/home/"):
        assert str(path) not in text
    assert not re.search(r"localhost:(?!50051)\d+|jobs/\d", text)


def test_it_is_installed_as_the_readme_says():
    commands = re.findall(r"pip install ([^`]+)`", NOTEBOOK.read_text(encoding="utf-8"))
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    assert commands and all(command in readme for command in commands)
