"""The whole loop: import, upload, train, watch, tag, measure, export, delete."""
import grpc
import pytest
from conftest import BASE, CORPUS, sentences, state_of
from fintag.v1 import dataset_pb2, model_pb2, tagging_pb2, training_pb2
from test_datasets import violations


def test_a_job_trains_a_model_that_tags(server):
    job = server.submit(epochs=2)
    assert job.state == training_pb2.JOB_STATE_QUEUED
    events = list(server.watch(job.name))
    assert [e.sequence for e in events] == list(range(1, len(events) + 1))
    kinds = [e.WhichOneof("event") for e in events]
    assert state_of(events[0]) == "QUEUED" and state_of(events[-1]) == "SUCCEEDED"
    assert kinds.count("training_started") == 1 and kinds.count("epoch_finished") == 2 and "progress" in kinds
    started = events[kinds.index("training_started")].training_started
    assert started.train_sentences == 60 and started.validation_sentences == 20
    assert started.tags[0] == "O" and 0 < started.word_lookup.micro.f1 < 1

    done = server.job(job.name)
    assert done.state == training_pb2.JOB_STATE_SUCCEEDED and len(done.epochs) == 2
    assert done.model_version == "models/tagger/versions/1" == events[-1].state_changed.model_version
    assert done.epochs[1].train_loss < done.epochs[0].train_loss
    model = server.models.GetModel(model_pb2.GetModelRequest(name="models/tagger"))
    best = max(done.epochs, key=lambda e: e.scores.micro.f1)
    assert model.versions[0].scores == best.scores and model.versions[0].job == job.name
    assert model.versions[0].dataset == "datasets/small" and model.versions[0].base == "models/base/versions/1"
    assert sorted(model.versions[0].labels) == ["LOC", "MISC", "ORG", "PER"]

    answer = server.tag(["Alpine Credit Corp. lent money to Jane Porter in Zürich."], include_words=True)
    assert answer.model_version == "models/tagger/versions/1"
    assert [w.text for w in answer.results[0].words][:4] == ["Alpine", "Credit", "Corp.", "lent"]

    # What Prometheus sees is what the client saw.
    name = job.name.removeprefix("jobs/")
    last = done.epochs[-1]
    assert server.metric(f'fintag_training_f1{{job="{name}",type="micro"}}') == pytest.approx(last.scores.micro.f1)
    assert server.metric('fintag_sentences_total{model="tagger",version="1"}') == 1
    assert server.metric('fintag_model_f1{model="tagger",version="1"}') == pytest.approx(best.scores.micro.f1)
    assert server.metric('fintag_jobs{state="SUCCEEDED"}') == 1


def test_what_is_needed_cannot_be_deleted(server):
    job = server.submit(epochs=1000)
    with pytest.raises(grpc.RpcError) as refused:
        server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/small"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and job.name in refused.value.details()
    with pytest.raises(grpc.RpcError) as refused:
        server.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/base"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and job.name in refused.value.details()
    with pytest.raises(grpc.RpcError) as refused:
        server.jobs.DeleteJob(training_pb2.DeleteJobRequest(name=job.name))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    assert [state_of(e) for e in server.watch(job.name)][-1] == "CANCELLED"
    server.jobs.DeleteJob(training_pb2.DeleteJobRequest(name=job.name))
    server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/small"))
    server.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/base"))
    assert not server.models.ListModels(model_pb2.ListModelsRequest()).models
    with pytest.raises(grpc.RpcError) as gone:
        server.job(job.name)
    assert gone.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_request_id_makes_a_retry_return_the_same_job(server):
    first = server.submit(request_id="once", epochs=1000)
    again = server.submit(request_id="once", epochs=1000)
    assert first.name == again.name
    with pytest.raises(grpc.RpcError) as other:
        server.submit(request_id="once", epochs=999)
    assert other.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "request_id" in violations(other.value)
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=first.name))
    # Also when what the job needed is gone, or the base's name means another version by now.
    assert [state_of(e) for e in server.watch(first.name)][-1] == "CANCELLED"
    server.import_model("base", BASE, request_id="newer")
    server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/small"))
    assert server.submit(request_id="once", epochs=1000).name == first.name


def test_two_models_tag_at_once(start_server, trained):
    server = start_server()
    server.import_model("one", trained)
    server.import_model("two", trained)
    text = open(CORPUS / "three_sentences.txt", encoding="utf-8").read().splitlines()[0]
    one = server.tagging.Tag.future(tagging_pb2.TagRequest(
        model="models/one", inputs=[tagging_pb2.TextInput(text=text)]), timeout=60)
    two = server.tag([text], model="models/two")
    assert one.result().results == two.results and two.results[0].entities
    models = server.models.ListModels(model_pb2.ListModelsRequest()).models
    assert {m.name: m.versions[0].loaded for m in models} == {"models/one": True, "models/two": True}


def test_an_import_with_the_same_request_id_is_made_once(start_server):
    server = start_server()
    first = server.import_model("base", BASE, request_id="r1")
    assert server.import_model("base", BASE, request_id="r1").name == first.name
    assert server.import_model("base", BASE, request_id="r2").name == "models/base/versions/2"


def test_a_checkpoint_that_is_none_is_refused_by_its_files(start_server, tmp_path):
    server = start_server()
    (tmp_path / "config.json").write_bytes((BASE / "config.json").read_bytes())
    with pytest.raises(grpc.RpcError) as wrong:
        server.import_model("half", tmp_path)
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "files" in violations(wrong.value)


def test_a_model_larger_than_the_limit_is_refused_before_it_is_sent(start_server):
    server = start_server("--max-model-bytes", "10000000")
    with pytest.raises(grpc.RpcError) as large:
        server.import_model("base", BASE)
    assert large.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "10000000" in large.value.details()
    assert list(server.models.ListModels(model_pb2.ListModelsRequest()).models) == []


def test_lists_come_in_pages(start_server):
    server = start_server()
    train = sentences(CORPUS / "train.conll", 5)
    for i in range(5):
        server.upload(f"d{i}", train)
    names, token = [], ""
    while True:
        page = server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(page_size=2, page_token=token))
        assert len(page.datasets) <= 2
        names += [d.name for d in page.datasets]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"datasets/d{i}" for i in (4, 3, 2, 1, 0)]
    with pytest.raises(grpc.RpcError) as wrong:
        server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(page_token="nonsense"))
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "page_token" in violations(wrong.value)
    with pytest.raises(grpc.RpcError) as wrong:
        server.models.ListModels(model_pb2.ListModelsRequest(page_token=names[0]))
    assert "page_token" in violations(wrong.value)
    with pytest.raises(grpc.RpcError) as wrong:
        server.jobs.ListJobs(training_pb2.ListJobsRequest(page_token="1"))
    assert "page_token" in violations(wrong.value)
