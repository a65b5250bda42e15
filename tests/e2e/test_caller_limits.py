"""What one caller may have of the real server: tokens a minute, jobs, stored bytes. Rate and calls: test_security.py."""
import concurrent.futures
import hashlib

import google.rpc.error_details_pb2 as details_pb2
import google.rpc.status_pb2 as status_pb2
import grpc
import pytest
from conftest import BASE, CORPUS, PATIENCE, sentences, state_of, wait_for
from fintag.v1 import dataset_pb2, model_pb2, tagging_pb2, training_pb2

TRAIN = sentences(CORPUS / "train.conll", 60)


def bearer(name):
    return (("authorization", f"Bearer {name}"),)


@pytest.fixture
def tokens(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("".join(f"{name} admin sha256:{hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("ann", "bob")))
    return file


def refusal(error):
    """(limit, seconds of RetryInfo or None) of a RESOURCE_EXHAUSTED."""
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info, retry, seconds = details_pb2.ErrorInfo(), details_pb2.RetryInfo(), None
    for detail in status.details:
        detail.Unpack(info)
        if detail.Unpack(retry):
            seconds = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return info.metadata["limit"], seconds


def upload(server, name, content, caller, chunks=None):
    def messages():
        yield dataset_pb2.UploadDatasetRequest(start=dataset_pb2.UploadDatasetStart(
            dataset_id=name, train=dataset_pb2.FileDescription(file_name="t.conll", size_bytes=len(content),
                                                               sha256=hashlib.sha256(content).hexdigest())))
        for piece in chunks() if chunks else [content]:
            yield dataset_pb2.UploadDatasetRequest(chunk=dataset_pb2.FileChunk(data=piece))
    return server.datasets.UploadDataset(messages(), timeout=60 * PATIENCE, metadata=bearer(caller))


def import_model(server, name, folder, caller):
    names = ["config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "fintag.json",
             "model.safetensors"]
    files = [(n, (folder / n).read_bytes()) for n in names if (folder / n).exists()]

    def messages():
        yield model_pb2.ImportModelRequest(start=model_pb2.ImportModelStart(model_id=name, files=[
            dataset_pb2.FileDescription(file_name=n, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for n, data in files]))
        for _, data in files:
            for start in range(0, len(data), 1 << 20):
                yield model_pb2.ImportModelRequest(chunk=dataset_pb2.FileChunk(data=data[start:start + (1 << 20)]))
    return server.models.ImportModel(messages(), metadata=bearer(caller), timeout=120 * PATIENCE)


def test_tokens_a_minute(start_server, tokens, trained):
    server = start_server("--tokens", tokens, "--max-caller-tokens-per-minute", "100")
    import_model(server, "tagger", trained, "ann")

    def tag(caller, texts):
        inputs = [tagging_pb2.TextInput(text=text) for text in texts]
        return server.tagging.Tag(tagging_pb2.TagRequest(model="models/tagger", inputs=inputs), metadata=bearer(caller))
    tag("ann", ["the " * 68])  # 70 tokens with [CLS] and [SEP]
    allowed = dict(bearer("ann"))
    before = server.metric('fintag_tokens_total{model="tagger",version="1"}', **allowed)
    with pytest.raises(grpc.RpcError) as refused:
        tag("ann", ["the " * 48])
    limit, seconds = refusal(refused.value)
    assert limit == "max-caller-tokens-per-minute" and 0 < seconds <= 12
    assert "ann has had 100 tokens tagged a minute" in refused.value.details()
    assert server.metric('fintag_tokens_total{model="tagger",version="1"}', **allowed) == before
    tag("ann", ["the"])
    tag("bob", ["the " * 90])
    with pytest.raises(grpc.RpcError) as larger:
        tag("bob", ["the " * 90, "the " * 90])
    assert refusal(larger.value) == ("max-caller-tokens-per-minute", None)
    # In a stream it is the request that is refused.
    stream = server.tagging.TagStream(iter([
        tagging_pb2.TagStreamRequest(model="models/tagger", inputs=[tagging_pb2.TextInput(text="the " * size)])
        for size in (90, 1)]), metadata=bearer("bob"))
    answers = list(stream)
    assert answers[0].error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0] and answers[1].HasField("response")


def test_jobs_that_wait_or_run(start_server, tokens):
    server = start_server("--tokens", tokens, "--max-caller-jobs", "2")
    import_model(server, "base", BASE, "ann")
    upload(server, "small", TRAIN, "ann")

    def submit(caller, **options):
        return server.jobs.CreateJob(training_pb2.CreateJobRequest(spec=training_pb2.JobSpec(
            dataset="datasets/small", base="models/base", model="models/tagger",
            options=training_pb2.TrainingOptions(**options))), metadata=bearer(caller))
    first, second = submit("ann", epochs=500), submit("ann")
    assert first.owner == "ann"
    with pytest.raises(grpc.RpcError) as refused:
        submit("ann")
    limit, seconds = refusal(refused.value)
    assert limit == "max-caller-jobs" and seconds == 60 and "cancel one" in refused.value.details()
    others = submit("bob")
    # It is what is in the store that counts, a restart forgets nothing.
    server.stop()
    server.start()
    with pytest.raises(grpc.RpcError) as refused:
        submit("ann")
    assert refusal(refused.value)[0] == "max-caller-jobs"
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=second.name), metadata=bearer("ann"))
    third = submit("ann")
    for job in (first, third, others):
        server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name), metadata=bearer("ann"))


def test_stored_bytes(start_server, tokens):
    server = start_server("--tokens", tokens, "--max-caller-bytes", str(len(TRAIN) * 2 + 100))
    assert upload(server, "one", TRAIN, "ann").owner == "ann"
    # An upload under way counts; what would go beyond is refused before a byte of it is asked for.
    go_on = concurrent.futures.Future()

    def slow():
        yield TRAIN[:1000]
        go_on.result(60 * PATIENCE)
        yield TRAIN[1000:]
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        second = threads.submit(upload, server, "two", TRAIN, "ann", slow)
        wait_for(lambda: list((server.data / "datasets/.incoming").glob("*/0")), 10, "the upload")
        with pytest.raises(grpc.RpcError) as refused:
            upload(server, "three", TRAIN[:len(TRAIN) // 2], "ann")
        assert refusal(refused.value) == ("max-caller-bytes", None)
        assert "ann" in refused.value.details() and "delete those whose owner is ann" in refused.value.details()
        go_on.set_result(None)
        assert second.result().name == "datasets/two"
    upload(server, "other", TRAIN, "bob")
    server.stop()
    server.start()
    for name in ("three", "four"):
        with pytest.raises(grpc.RpcError) as refused:
            upload(server, name, TRAIN, "ann")
        assert refusal(refused.value)[0] == "max-caller-bytes"
    assert upload(server, "two", TRAIN, "ann").name == "datasets/two"  # repeated, it stores nothing
    assert not list((server.data / "datasets/.incoming").iterdir())
    assert {p.name for p in (server.data / "datasets").iterdir()} == {".incoming", "one", "two", "other"}
    server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/one"), metadata=bearer("ann"))
    upload(server, "three", TRAIN, "ann")


def test_a_trained_model_is_its_jobs_owners(start_server, tokens):
    server = start_server("--tokens", tokens)
    import_model(server, "base", BASE, "bob")
    upload(server, "small", TRAIN, "bob")
    job = server.jobs.CreateJob(training_pb2.CreateJobRequest(spec=training_pb2.JobSpec(
        dataset="datasets/small", base="models/base", model="models/tagger",
        options=training_pb2.TrainingOptions(epochs=1))), metadata=bearer("ann"))
    events = list(server.jobs.WatchJob(training_pb2.WatchJobRequest(name=job.name), metadata=bearer("ann"),
                                       timeout=300 * PATIENCE))
    assert state_of(events[-1]) == "SUCCEEDED"
    model = server.models.GetModel(model_pb2.GetModelRequest(name="models/tagger"), metadata=bearer("ann"))
    assert model.versions[0].owner == "ann"
    # With it she has all that she may have: no further job is taken, however small.
    server.stop()
    server.options = (*server.options, "--max-caller-bytes", "1MB")
    server.start()
    with pytest.raises(grpc.RpcError) as refused:
        server.jobs.CreateJob(training_pb2.CreateJobRequest(spec=job.spec), metadata=bearer("ann"))
    assert refusal(refused.value) == ("max-caller-bytes", None)
