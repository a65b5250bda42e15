"""Every form in which a data scientist has a corpus, and what is said of a wrong one."""
import datasets
import fintag
import pandas
import pytest

RECORDS = [
    {"tokens": ["Acme", "Inc", "signed", "in", "Paris"], "tags": ["B-ORG", "I-ORG", "O", "O", "B-LOC"]},
    {"tokens": ["Ünïcode", "GmbH", "🙂", "lends"], "tags": ["B-ORG", "I-ORG", "O", "O"]},
    {"tokens": ["Nothing", "here"], "tags": ["O", "O"]},
]
NAMES = ["O", "B-ORG", "I-ORG", "B-LOC"]
NUMBERED = {"tokens": [record["tokens"] for record in RECORDS],
            "ner_tags": [[NAMES.index(tag) for tag in record["tags"]] for record in RECORDS]}


def a_dataset(streaming=False):
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")),
                                  "ner_tags": datasets.Sequence(datasets.ClassLabel(names=NAMES))})
    made = datasets.Dataset.from_dict(NUMBERED, features=features)
    return made.to_iterable_dataset() if streaming else made


FORMS = {
    "dictionaries": RECORDS,
    "words instead of tokens": [{"words": r["tokens"], "ner_tags": r["tags"]} for r in RECORDS],
    "pairs": [(record["tokens"], record["tags"]) for record in RECORDS],
    "a generator": (record for record in RECORDS),
    "a table, one sentence a row": pandas.DataFrame(RECORDS),
    "a table, one word a row": pandas.DataFrame(
        [(number, word, tag) for number, record in enumerate(RECORDS)
         for word, tag in zip(record["tokens"], record["tags"])], columns=["sentence", "word", "tag"]),
    "a dataset": a_dataset(),
    "a dataset as a stream": a_dataset(streaming=True),
    "a dataset as numpy": a_dataset().with_format("numpy"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_corpus(client, form):
    name = "form-" + form.translate(str.maketrans(" ", "-", ","))
    dataset = client.upload(name, train=FORMS[form])
    reference = client.upload("form-reference", train=RECORDS)
    assert dataset.train.sha256 == reference.train.sha256
    assert dataset.train.sentences == 3 and dataset.train.words == 11 and dataset.labels == ("LOC", "ORG")
    assert dataset.train.entities_by_label == {"ORG": 2, "LOC": 1}


def test_running_text_with_spans(client):
    text = "🙂 Müller Bank lends to Acme."
    spans = {"dictionaries": [{"start": 2, "end": 13, "label": "ORG"}], "triples": [(2, 13, "ORG")],
             "entities that tag returned": [fintag.Entity("Müller Bank", "ORG", 2, 13, 0.9)]}
    uploaded = {form: client.upload("spans", train=[{"text": text, "entities": entities}])
                for form, entities in spans.items()}
    assert len({dataset.train.sha256 for dataset in uploaded.values()}) == 1
    assert uploaded["triples"].train.entities_by_label == {"ORG": 1}
    table = pandas.DataFrame({"text": [text], "entities": [[(2, 13, "ORG")]]})
    assert client.upload("spans", train=table) == uploaded["triples"]


def test_wrong_lines_of_a_file_come_with_part_and_line(client, tmp_path):
    train, validation = tmp_path / "train.conll", tmp_path / "validation.conll"
    train.write_text("Acme\tB-ORG\n\nlonely\nInc\tQ-ORG\n", encoding="utf-8")
    validation.write_text("Paris\tB-LOC\n", encoding="utf-8")
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.upload("bad", train=train, validation=validation)
    assert [(field.part, field.line) for field in wrong.value.fields] == [("train", 3), ("train", 4)]
    assert "Q-ORG" in wrong.value.fields[1].description and "train:4" in str(wrong.value)
    assert isinstance(wrong.value, ValueError)

    train.write_text("Acme\tB-ORG\n", encoding="utf-8")
    validation.write_text("Acme\tB-ORG\nlonely\n" * 150, encoding="utf-8")
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.upload("bad", train=train, validation=validation)
    # More than fit into a stock client's 8 KiB of metadata.
    assert len(wrong.value.fields) == 100 and wrong.value.fields[-1].part == "validation"
    assert "and 90 more" in str(wrong.value)


def test_wrong_sentences_that_the_server_finds(client):
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.upload("bad", train=RECORDS + [{"tokens": ["a", "b"], "tags": ["O", "X-1"]}])
    field, = wrong.value.fields
    assert (field.part, field.line) == ("train", 4)
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.upload("bad", train=RECORDS, validation=[{"text": "abc", "entities": [(1, 9, "ORG")]}])
    field, = wrong.value.fields
    assert (field.part, field.line) == ("validation", 1)


@pytest.mark.parametrize("sentence, said", [
    ({"tokens": ["a"], "tags": ["O", "O"]}, "1 words and 2 tags"),
    ({"tokens": ["a"], "tags": [3]}, "the tag 3 is not a string"),
    ({"tokens": [float("nan")], "tags": ["O"]}, "the word nan is not a string"),
    ({"tokens": "Acme", "tags": ["O"]}, "must be lists of strings"),
    ({"token": ["a"], "tags": ["O"]}, 'must have "tokens" and "tags"'),
    ({"text": "a", "entities": [{"from": 1}]}, "start, end and label"),
    ({"tokens": ["\ud800"], "tags": ["O"]}, "Unicode"),
    ("Acme B-ORG", "a sentence must be"),
])
def test_wrong_sentences_that_never_leave(client, sentence, said):
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.upload("bad", train=RECORDS, validation=[RECORDS[0], sentence])
    field, = wrong.value.fields
    assert (field.part, field.line) == ("validation", 2) and said in field.description and said in str(wrong.value)
    assert "bad" not in [dataset.id for dataset in client.datasets.list()]


def test_sources_of_no_use(client, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.conll"):
        client.upload("bad", train=tmp_path / "missing.conll")
    with pytest.raises(fintag.InvalidArgument, match="no sentences"):
        client.upload("bad", train=[])
    with pytest.raises(fintag.InvalidArgument, match='"sentence", "word" and "tag"'):
        client.upload("bad", train=pandas.DataFrame({"word": ["a"], "label": ["O"]}))
    with pytest.raises(TypeError, match="one split"):
        client.upload("bad", train=datasets.DatasetDict({"train": a_dataset()}))
    with pytest.raises(fintag.InvalidArgument, match="dataset_id"):
        client.upload("Not A Name", train=RECORDS)


def test_an_iterable_that_fails_shows_its_own_error(client):
    def broken():
        yield RECORDS[0]
        raise KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        client.upload("bad", train=broken())


def test_a_file_that_shrinks_while_it_is_sent(client, tmp_path):
    file = tmp_path / "train.conll"
    file.write_text("Acme\tB-ORG\n\n" * 100_000, encoding="utf-8")
    from fintag import _registry
    describe = _registry.describe

    def describe_and_cut(path, name):
        description = describe(path, name)
        path.write_text("Acme\tB-ORG\n", encoding="utf-8")
        return description
    _registry.describe = describe_and_cut
    try:
        with pytest.raises(OSError, match="became shorter"):
            client.upload("bad", train=file)
    finally:
        _registry.describe = describe
