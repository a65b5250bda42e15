"""Upload, train, watch, tag, export, delete: the whole way, through the blocking client."""
import datetime

import fintag
import pytest
from conftest import BASE, CORPUS, TEXTS


def test_epochs_come_with_their_scores(served, client):
    assert [epoch.epoch for epoch in served.epochs] == [1, 2, 3]
    assert served.epochs[-1].f1 > served.epochs[0].f1 and served.epochs[-1].train_loss < served.epochs[0].train_loss
    job, = [job for job in client.jobs.list() if job.model == "models/tagger"]
    assert job.state is fintag.JobState.SUCCEEDED and job.model_version == "models/tagger/versions/1"
    assert job.options == {"epochs": 3, "learning_rate": 2e-4} | {
        name: value for name, value in job.options.items() if name not in ("epochs", "learning_rate")}
    assert "SUCCEEDED" in repr(job) and "models/tagger/versions/1" in repr(job)

    again = client.jobs.get(job.id)
    assert again.epochs == served.epochs
    frame = again.to_pandas()
    assert list(frame.index) == [1, 2, 3] and list(frame["f1"]) == [epoch.f1 for epoch in served.epochs]
    scores = served.epochs[-1].scores.to_pandas()
    assert {"ORG", "PER", "LOC", "micro average"} <= set(scores.index)
    assert scores.loc["micro average", "f1"] == served.epochs[-1].f1
    confusion = served.epochs[-1].scores.confusion
    assert set(confusion) <= {"O", "ORG", "PER", "LOC", "MISC"} and confusion["ORG"]["ORG"] > 0
    assert sum(sum(row.values()) for row in confusion.values()) == served.epochs[-1].scores.words
    assert again.epochs[-1].scores.confusion == confusion


def test_what_the_server_keeps(client):
    dataset = client.datasets.get("corpus")
    assert dataset == client.datasets.get("datasets/corpus") == client.datasets.get(dataset)
    assert dataset.train.sentences == 250 and dataset.validation.sentences == 40
    assert dataset.labels == ("LOC", "MISC", "ORG", "PER")
    assert sum(dataset.train.entities_by_label.values()) == dataset.train.entities
    assert 0 < dataset.word_lookup.micro.f1 < 1
    assert abs(dataset.create_time - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(hours=1)
    assert "250 sentences" in repr(dataset)

    tagger = client.models.get("tagger").versions[0]
    assert tagger.kind == "tagger" and tagger.base == "models/base/versions/1" and tagger.dataset == dataset.name
    assert tagger.labels == dataset.labels and "B-ORG" in tagger.tags
    base = client.models.get("base").versions[0]
    assert base.kind == "base" and base.architecture.model_type == "bert" and not base.labels and base.scores is None
    assert {"base", "tagger"} <= {model.id for model in client.models.list()}
    assert "22.6 M parameters" in repr(base) and "F1" in repr(client.models.get("tagger"))


def test_a_model_comes_back_as_it_was(client, tmp_path):
    folder = client.models.export("tagger", tmp_path / "new" / "tagger")
    assert folder == tmp_path / "new" / "tagger"
    assert {"config.json", "model.safetensors", "vocab.txt"} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.parent.iterdir()] == ["tagger"]
    with pytest.raises(FileExistsError, match="not empty"):
        client.models.export("tagger", folder)

    again = client.models.import_("again", folder)
    assert again.name == "models/again/versions/1"
    assert again.weights_sha256 == client.models.get("tagger").versions[0].weights_sha256
    strip = [[(e.text, e.label, e.start) for e in result] for result in client.tag(TEXTS, model="again")]
    assert strip == [[(e.text, e.label, e.start) for e in result] for result in client.tag(TEXTS, model="tagger")]
    client.models.delete(again)
    with pytest.raises(fintag.NotFound, match="models/again"):
        client.models.get("again")


def test_an_export_that_fails_leaves_nothing(client, tmp_path):
    with pytest.raises(fintag.NotFound):
        client.models.export("nothing", tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_model(client, tmp_path):
    with pytest.raises(FileNotFoundError, match="config.json"):
        client.models.import_("bad", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="no weights"):
        client.models.import_("bad", tmp_path)
    (tmp_path / "model.safetensors").write_bytes((BASE / "model.safetensors").read_bytes())
    with pytest.raises(fintag.InvalidArgument, match="config.json|model_type|hidden"):
        client.models.import_("bad", tmp_path)


def test_repeating_with_a_request_id_does_it_once(client):
    first = client.models.import_("twice", BASE, request_id="import-1")
    assert client.models.import_("twice", BASE, request_id="import-1").name == first.name
    job, again = (client.train(dataset="small", base=first, model="once", epochs=1, request_id="job-1") for _ in "12")
    assert again.name == job.name
    job.cancel()
    with pytest.raises(fintag.JobCancelled):
        job.wait()
    job.delete()
    with pytest.raises(fintag.NotFound):
        client.jobs.get(job)


def test_lists_follow_their_pages(client, corpus):
    for number in range(3):
        client.upload(f"page-{number}", corpus[0][:5 + number])
    names = [dataset.id for dataset in client.datasets.list()]
    assert names[:3] == ["page-2", "page-1", "page-0"] and "corpus" in names
    from fintag import _registry
    size, _registry._PAGE = _registry._PAGE, 2
    try:
        assert [dataset.id for dataset in client.datasets.list()] == names
        assert [dataset.id for dataset in client.datasets.list(limit=3)] == names[:3]
    finally:
        _registry._PAGE = size
    client.datasets.delete("page-1")
    assert "page-1" not in [dataset.id for dataset in client.datasets.list()]


def test_a_dataset_in_use_is_not_deleted(client):
    job = client.train(dataset="small", base="base", model="busy", epochs=1000, threads=1)
    with pytest.raises(fintag.FailedPrecondition, match=job.id):
        client.datasets.delete("small")
    with pytest.raises(fintag.FailedPrecondition):
        job.delete()
    job.cancel()
    with pytest.raises(fintag.JobCancelled):
        job.wait()


def test_a_file_of_the_project_is_a_dataset(client):
    dataset = client.upload("files", train=CORPUS / "train.conll", validation=str(CORPUS / "validation.conll"))
    assert dataset.train.file_name == "train.conll" and dataset.validation.file_name == "validation.conll"
    assert client.upload("files", train=CORPUS / "train.conll", validation=CORPUS / "validation.conll") == dataset
    with pytest.raises(fintag.AlreadyExists, match="files"):
        client.upload("files", train=CORPUS / "validation.conll")
