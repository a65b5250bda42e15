"""Single moments that the chaos found to matter, each made to happen."""
import os
import pathlib
import signal
import time

import grpc
import pytest
import tiny
from api import Api
from e2e import BIN
from fintag.v1 import dataset_pb2, model_pb2, training_pb2
from process import Fintagd, trainers

CORPUS = tiny.conll(tiny.corpus(1, 80)), tiny.conll(tiny.corpus(2, 20))


@pytest.fixture
def started(disk, tmp_path):
    """A server with a base and a dataset, its clients' stubs, and what fills its disk."""
    folder, filler = disk
    server = Fintagd(BIN, folder / "data", tmp_path / "fintagd.log", "--precision", "fp32", "--threads", "1")
    assert not server.start()
    api = Api(server.port)
    api.import_model("base", tiny.checkpoint(1), "")
    api.upload("corpus", *CORPUS)
    yield server, api, filler
    server.end()


def submit(api, epochs):
    return api.create_job(training_pb2.JobSpec(
        dataset="datasets/corpus", base="models/base", model="models/tagger",
        options=training_pb2.TrainingOptions(epochs=epochs, learning_rate=0.01, threads=1)), "").name


def test_a_full_disk_is_emptied_by_deleting(started):
    server, api, filler = started
    if filler is None:
        pytest.skip("no disk of our own to fill")
    job = submit(api, 1)
    assert list(api.watch(job))[-1].state_changed.state == training_pb2.JOB_STATE_SUCCEEDED
    filler.grow_names()
    with pytest.raises(grpc.RpcError) as refused:
        api.upload("another", *CORPUS)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    api.jobs.DeleteJob(training_pb2.DeleteJobRequest(name=job))
    api.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/corpus"))
    for model in ("models/tagger", "models/base"):
        api.models.DeleteModel(model_pb2.DeleteModelRequest(name=model))
    left = {str(path.relative_to(server.data)) for part in ("datasets", "models", "jobs")
            for path in (server.data / part).rglob("*")}
    assert left == {"datasets/.incoming", "models/.incoming", "jobs/.incoming"}


def test_what_a_killed_trainer_was_writing_goes(started):
    server, api, _ = started
    job = submit(api, 1000)
    folder = server.data / job
    for event in api.watch(job):
        if event.WhichOneof("event") == "epoch_finished":
            break
    # It is stopped until it writes no more, so that what lies there is there at its death.
    number, = trainers(server.data)
    os.kill(number, signal.SIGSTOP)
    while pathlib.Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.01)
    (folder / ".checkpoint.new").mkdir(exist_ok=True)
    (folder / ".checkpoint.new" / "model.safetensors").write_bytes(b"half")
    os.kill(number, signal.SIGKILL)
    last = list(api.watch(job))[-1]
    assert last.state_changed.state == training_pb2.JOB_STATE_FAILED and "signal 9" in last.state_changed.reason
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert (folder / "checkpoint" / "model.safetensors").exists()


def test_jobs_that_are_deleted_as_soon_as_they_end_hold_up_no_queue(started):
    server, api, _ = started
    for _ in range(60):
        name = submit(api, 1000)
        api.jobs.CancelJob(training_pb2.CancelJobRequest(name=name))
        while True:
            try:
                api.jobs.DeleteJob(training_pb2.DeleteJobRequest(name=name))
                break
            except grpc.RpcError as error:  # it is about to start, or to end
                assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert " error " not in server.log.read_text()
