"""Tagging: one text, many, streams without end, and what a notebook shows."""
import re
import subprocess
import sys
import time
import tracemalloc

import fintag
import pytest
from conftest import BIN, CORPUS, PATIENCE, ROOT, TEXTS

MODEL = "tagger"


def test_one_text_one_result_many_texts_as_many(client):
    one = client.tag(TEXTS[0], model=MODEL)
    assert isinstance(one, fintag.TaggedText) and one.model_version == "models/tagger/versions/1"
    assert len(one) and all(one.text[e.start:e.end] == e.text and 0 < e.score <= 1 for e in one)
    assert one[0].label == "ORG" and not one.words
    many = client.tag(TEXTS, model="models/tagger/versions/1")
    assert isinstance(many, fintag.TaggedTexts) and len(many) == len(TEXTS)
    assert [(e.text, e.label, e.start, e.end) for e in many[0]] == [(e.text, e.label, e.start, e.end) for e in one]
    assert [result.text for result in many] == TEXTS and [result.text for result in many[1:]] == TEXTS[1:]
    assert len(client.tag([], model=MODEL)) == 0
    assert [len(result) for result in client.tag(["", " \n"], model=MODEL)] == [0, 0]


def test_offsets_are_characters(client):
    text = "🙂🙂 Ingeborg Falk of Norrland Pulp AB spoke in Stockholm."
    result = client.tag(text, model=MODEL)
    assert "Stockholm" in [entity.text for entity in result]
    assert all(text[entity.start:entity.end] == entity.text for entity in result)


def test_words_and_their_tags(client):
    split = TEXTS[1].replace(",", " ,").replace(".", " .").split()
    result = client.tag(fintag.Words(split), model=MODEL, words=True, decoding="constrained")
    assert result.text == " ".join(split) and [word.text for word in result.words] == split
    assert all(result.text[word.start:word.end] == word.text for word in result.words)
    tags = [word.tag for word in result.words]
    # Legal: I-X only behind B-X or I-X.
    assert all(not tag.startswith("I-") or before[2:] == tag[2:] for before, tag in zip(["O", *tags], tags))
    assert sum(tag.startswith("B-") for tag in tags) == len(result)
    mixed = client.tag([TEXTS[0], fintag.Words(split)], model=MODEL)
    assert [r.text for r in mixed] == [TEXTS[0], " ".join(split)]


def test_tables(client):
    results = client.tag(TEXTS, model=MODEL)
    frame = results.to_pandas()
    assert list(frame.columns) == ["input", "text", "label", "start", "end", "score"]
    assert len(frame) == sum(len(result) for result in results)
    assert all(TEXTS[row.input][row.start:row.end] == row.text for row in frame.itertuples())
    assert list(results[0].to_pandas()["text"]) == [entity.text for entity in results[0]]
    empty = client.tag("", model=MODEL).to_pandas()
    assert len(empty) == 0 and list(empty.columns) == ["text", "label", "start", "end", "score"]


def test_tables_say_what_they_need(served, client, monkeypatch):
    results, job = client.tag(TEXTS, model=MODEL), client.jobs.list()[0]
    monkeypatch.setitem(sys.modules, "pandas", None)
    for shown in (results, results[0], served.epochs[-1].scores, job):
        with pytest.raises(ImportError, match=r"pip install 'fintag\[pandas\]'"):
            shown.to_pandas()


def test_a_long_list_is_cut_below_the_limits(start_server, client, tmp_path):
    folder = client.models.export(MODEL, tmp_path / "tagger")
    strict = start_server()
    with fintag.Client(strict.address) as importing:
        importing.models.import_(MODEL, folder)
    strict.stop()
    strict = start_server("--max-texts", "64", "--max-message-bytes", "70000", "--max-queue-tokens", "20000")
    with fintag.Client(strict.address) as strictly:
        texts = [TEXTS[number % 3] * (1 + number % 3) for number in range(99)]
        results = strictly.tag(texts, model=MODEL)
        assert [result.text for result in results] == texts
        spans = [[(e.text, e.label, e.start) for e in result] for result in client.tag(texts[:3], model=MODEL)]
        for number, result in enumerate(results):
            assert [(e.text, e.label, e.start) for e in result] == spans[number % 3]
        with pytest.raises(fintag.InvalidArgument, match="20000"):
            strictly.tag(["a"] * 100 + ["a b c d e " * 5000], model=MODEL)
        # Nothing to wait for: larger than a message may be.
        start = time.monotonic()
        with pytest.raises(fintag.ResourceExhausted, match="larger than max"):
            strictly.tag("a " * 50_000, model=MODEL)
        assert time.monotonic() - start < 5 * PATIENCE


def test_the_number_of_a_wrong_text_is_that_in_the_list(served, client):
    long = "word " * 300_000  # over 1 MiB
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.tag(["short"] * 200 + [long], model=MODEL)
    assert [field.field for field in wrong.value.fields] == ["inputs[200]"] and "inputs[200]" in str(wrong.value)
    assert wrong.value.trace_id in str(wrong.value) and f"trace_id={wrong.value.trace_id}" in served.text()
    with pytest.raises(fintag.InvalidArgument, match=r"inputs\[70\]"):
        client.tag(["short"] * 70 + ["\ud800"], model=MODEL)
    with pytest.raises(fintag.InvalidArgument, match=r"inputs\[1\].*not int"):
        client.tag(["short", 5], model=MODEL)
    with pytest.raises(ValueError, match="decoding"):
        client.tag("short", model=MODEL, decoding="viterbi")
    with pytest.raises(fintag.NotFound, match="models/nothing"):
        client.tag("short", model="nothing")
    with pytest.raises(fintag.FailedPrecondition, match="base"):
        client.tag("short", model="base")


def test_a_stream_is_read_a_few_requests_ahead(client):
    read = 0

    def texts():
        nonlocal read
        while True:
            read += 1
            yield f"Text {read} of Acme Corp. in Paris."
    stream = client.tag_stream(texts(), model=MODEL)
    for number, result in enumerate(stream, 1):
        assert result.text == f"Text {number} of Acme Corp. in Paris." and read - number <= 5 * 64
        if number == 330:
            break
    stream.close()
    assert list(client.tag_stream([], model=MODEL)) == []


def test_a_stream_takes_constant_memory(client):
    def peak(count):
        tracemalloc.start()
        for _ in client.tag_stream((f"{number}" for number in range(count)), model=MODEL):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most
    peak(300)
    small, large = peak(320), peak(1920)
    assert large < 1.5 * small, (small, large)


def test_an_error_in_the_middle_of_a_stream_comes_after_what_was_right(client):
    stream = client.tag_stream(["right"] * 64 * 5 + ["word " * 300_000], model=MODEL)
    done = []
    with pytest.raises(fintag.InvalidArgument, match=r"inputs\[320\]"):
        for result in stream:
            done.append(result)
    assert len(done) == 320


EVIL = '<script>alert(1)</script> & "Acme" \'Corp\' <img src=x onerror=alert(1)> \x00\x1b[31m Paris'


def test_html_is_escaped(client):
    for text in (EVIL, f"{TEXTS[0]} {EVIL}"):
        html = client.tag(text, model=MODEL)._repr_html_()
        assert "<script" not in html and "<img" not in html and "\x00" not in html and "\x1b" not in html
    # Whatever the text, the label and the offsets: only our own tags.
    entity = fintag.Entity(EVIL, '"><script>x</script>', 0, 25, 0.5)
    html = fintag.TaggedText(EVIL, (entity,), (), "models/m/versions/1")._repr_html_()
    assert set(re.findall(r"<(\w+)", html)) == {"div", "style", "mark", "p", "small"}
    assert 'title="&quot;&gt;&lt;script&gt;x&lt;/script&gt; 0.500, 0-25"' in html


def test_what_html_allows_is_shown_as_it_is():
    text = "Acme\tInc\r\nof\fParis\rin\x0bMay\x7f"
    entity = fintag.Entity("Paris", "LOC", 13, 18, 0.5)
    html = fintag.TaggedText(text, (entity,), (), "models/m/versions/1")._repr_html_()
    assert text[entity.start:entity.end] == entity.text
    assert '<p>Acme\tInc\r\nof\f<mark class="c0" title="LOC 0.500, 13-18">Paris<small>LOC</small></mark>\rin' in html
    assert html.endswith("\rin\ufffdMay\ufffd</p>\n</div>")


def test_entities_that_overlap_or_lie_outside_are_passed_over():
    spans = [(0, 4), (2, 6), (5, 5), (7, 90), (8, 12)]
    entities = tuple(fintag.Entity("", "ORG", start, end, 0.9) for start, end in spans)
    html = fintag.TaggedText("Acme and Corp", entities, (), "")._repr_html_()
    assert re.findall(r'title="[^"]*, (\d+-\d+)"', html) == ["0-4", "8-12"]


def test_a_notebook_shows_no_more_than_it_can_bear(client):
    html = fintag.TaggedTexts([fintag.TaggedText(f"text {n}", (), (), "") for n in range(1234)])._repr_html_()
    assert html.count("<p>") == 100 and "1,234 texts, of which the first 100" in html


def test_the_look_is_that_of_the_command_line(served, client):
    """Same colours by label, same markup of a text, same legend."""
    source = (ROOT / "client/cli/html_page.cc").read_text(encoding="utf-8")
    colours = re.findall(r"\.c(\d) \{ background: (#\w+); \}", source)
    texts = TEXTS + [EVIL.replace("\x00", "").replace("\x1b", ""), "Acme Corp.\r\nof\fParis\x0b"]
    html = client.tag(texts, model=MODEL)._repr_html_()
    assert re.findall(r"\.c(\d) \{ background: (#\w+); \}", html) == colours and len(colours) == 8
    for rule in re.findall(r"^(mark[^{]*\{.*\})$", source, re.MULTILINE):
        assert f".fintag {rule}" in html
    page = subprocess.run([BIN / "fintag", "--server", served.address, "tag", "--model", MODEL, "--format", "html",
                           *texts], capture_output=True, check=True).stdout.decode()
    assert re.findall("<p>.*?</p>", html, re.DOTALL) == re.findall("<p>.*?</p>", page, re.DOTALL)
    legend = re.compile('<div class="legend">.*?</div>')
    assert legend.findall(html) == legend.findall(page) and len(legend.findall(html)) == 1


def test_a_book_is_tagged_to_its_end(client):
    words = [line.split()[0] for line in (CORPUS / "train.conll").read_text(encoding="utf-8").splitlines()
             if line.strip() and "-DOCSTART-" not in line][:1200]
    text = " ".join(words) + " Acme Holdings Inc. of Stockholm."
    result = client.tag(text, model=MODEL, words=True)
    assert result.words[-1].text == "." and result.words[-1].end == len(text)
    assert any(entity.text == "Stockholm" and entity.start > len(text) - 20 for entity in result)
