"""The life of a job when things go wrong: watchers that come and go, cancels, kills, restarts."""
import os
import pathlib
import signal
import threading
import time

import grpc
import pytest
from conftest import BASE, CORPUS, sentences, state_of, wait_for
from fintag.v1 import model_pb2, training_pb2
from test_datasets import violations


def trainer_pid(server, job):
    folder = server.data / "jobs" / job.name.removeprefix("jobs/")
    return int(wait_for(lambda: (folder / "trainer.pid").exists() and (folder / "trainer.pid").read_text().strip(),
                        what="trainer.pid").split()[0])


def wait_for_epoch(server, job, epoch):
    for event in server.watch(job.name):
        if event.WhichOneof("event") == "epoch_finished" and event.epoch_finished.epoch >= epoch:
            return event.sequence
        assert state_of(event) not in ("FAILED", "CANCELLED", "SUCCEEDED"), event
    raise AssertionError("the stream ended")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_broken_watch_is_resumed_without_loss(server):
    job = server.submit(epochs=3)
    first = []
    stream = server.watch(job.name)
    for event in stream:
        first.append(event)
        if event.WhichOneof("event") == "epoch_finished":
            break
    stream.cancel()
    rest = list(server.watch(job.name, after=first[-1].sequence))
    assert [e.sequence for e in first + rest] == list(range(1, len(first) + len(rest) + 1))
    assert first + rest == list(server.watch(job.name))
    with pytest.raises(grpc.RpcError) as beyond:
        list(server.watch(job.name, after=10**6))
    assert beyond.value.code() == grpc.StatusCode.OUT_OF_RANGE and "after_sequence" in violations(beyond.value)


def test_a_slow_watcher_holds_up_nobody(server):
    job = server.submit(epochs=2)
    slow = server.watch(job.name)  # never read until the job is over
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED"
    assert [state_of(e) for e in slow][-1] == "SUCCEEDED"


def test_cancel_ends_within_two_seconds_and_keeps_the_last_epoch(server):
    job = server.submit(epochs=1000)
    wait_for_epoch(server, job, 1)
    start = time.monotonic()
    answer = server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    assert answer.state in (training_pb2.JOB_STATE_CANCELLING, training_pb2.JOB_STATE_CANCELLED)
    done = wait_for(lambda: (j := server.job(job.name)).state == training_pb2.JOB_STATE_CANCELLED and j)
    assert time.monotonic() - start < 2 * float(os.environ.get("FINTAG_PATIENCE", "1"))
    assert done.model_version == "models/tagger/versions/1"
    assert server.tag(["A sentence."]).model_version == done.model_version
    with pytest.raises(grpc.RpcError) as again:
        server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    assert again.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_jobs_wait_in_order_and_a_waiting_job_can_be_cancelled(server):
    first = server.submit(epochs=1000)
    second, third = server.submit(epochs=1, model="second"), server.submit(epochs=1, model="third")
    wait_for_epoch(server, first, 1)
    assert server.job(second.name).state == server.job(third.name).state == training_pb2.JOB_STATE_QUEUED
    cancelled = server.jobs.CancelJob(training_pb2.CancelJobRequest(name=second.name))
    assert cancelled.state == training_pb2.JOB_STATE_CANCELLED and not cancelled.model_version
    assert [state_of(e) for e in server.watch(second.name)] == ["QUEUED", "CANCELLED"]
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=first.name))
    assert [state_of(e) for e in server.watch(third.name)][-1] == "SUCCEEDED"


def test_a_killed_trainer_fails_with_its_signal(server):
    job = server.submit(epochs=1000)
    wait_for_epoch(server, job, 1)
    os.kill(trainer_pid(server, job), signal.SIGKILL)
    last = list(server.watch(job.name))[-1]
    assert state_of(last) == "FAILED" and "signal 9" in last.state_changed.reason
    assert server.job(job.name).failure_reason == last.state_changed.reason
    # The server goes on: the next job runs.
    again = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(again.name)][-1] == "SUCCEEDED"


def rank_pid(server, job, rank):
    folder = os.fsencode(server.data / "jobs" / job.name.removeprefix("jobs/"))
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
            if program.endswith(b"fintag-train") and folder in arguments and (
                    f"RANK={rank}".encode() in (process / "environ").read_bytes().split(b"\0")):
                return int(process.name)
        except OSError:
            pass  # it has ended meanwhile
    raise AssertionError(f"no rank {rank}")


@pytest.mark.parametrize("what, reason", [("the trainer", "signal 9"), ("one that was taken over", "without a result"),
                                          ("one of two", "rank 1 of 2 was lost")])
def test_a_killed_trainer_goes_on_from_its_last_epoch_where_it_may(start_server, what, reason):
    server = start_server("--max-restarts", "1")
    server.import_model("base", BASE)
    server.upload("small", sentences(CORPUS / "train.conll", 60), sentences(CORPUS / "validation.conll", 20))
    job = server.submit(epochs=6, processes=2 if what == "one of two" else 1)
    wait_for_epoch(server, job, 2)
    if what == "one that was taken over":
        server.stop(signal.SIGKILL)
        server.start()
    os.kill(rank_pid(server, job, 1) if what == "one of two" else trainer_pid(server, job), signal.SIGKILL)
    events = list(server.watch(job.name))
    assert [e.sequence for e in events] == list(range(1, len(events) + 1))
    assert [state_of(e) for e in events if state_of(e)] == ["QUEUED", "VALIDATING", "VALIDATING", "SUCCEEDED"]
    assert reason in [e.state_changed.reason for e in events if state_of(e) == "VALIDATING"][1]
    assert [e.epoch_finished.epoch for e in events if e.HasField("epoch_finished")] == [1, 2, 3, 4, 5, 6]
    assert [e.epoch for e in server.job(job.name).epochs] == [1, 2, 3, 4, 5, 6]
    assert server.tag(["A sentence."]).model_version == server.job(job.name).model_version
    assert not list(server.data.glob("jobs/*/state"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_running_job_outlives_the_server(server, how):
    job = server.submit(epochs=6)
    seen = wait_for_epoch(server, job, 1)
    pid = trainer_pid(server, job)
    server.stop(how)
    assert alive(pid)
    time.sleep(1)
    server.start()
    events = list(server.watch(job.name, after=seen))
    assert [e.sequence for e in events] == list(range(seen + 1, seen + len(events) + 1))
    assert state_of(events[-1]) == "SUCCEEDED" and len(server.job(job.name).epochs) == 6
    assert server.tag(["A sentence."]).model_version == server.job(job.name).model_version


def test_a_job_that_ends_while_the_server_is_down_is_finished_at_the_next_start(server):
    job = server.submit(epochs=2)
    wait_for_epoch(server, job, 1)
    pid = trainer_pid(server, job)
    server.stop(signal.SIGKILL)
    wait_for(lambda: not alive(pid), 60, "the trainer's end")
    server.start()
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED"
    assert len(server.models.GetModel(model_pb2.GetModelRequest(name="models/tagger")).versions) == 1


def test_a_trainer_killed_while_the_server_is_down_is_a_failed_job(server):
    job = server.submit(epochs=1000)
    wait_for_epoch(server, job, 1)
    pid = trainer_pid(server, job)
    server.stop(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    server.start()
    assert [state_of(e) for e in server.watch(job.name)][-1] == "FAILED"


def test_a_stopping_server_ends_its_watches(server):
    job = server.submit(epochs=1000)
    seen = wait_for_epoch(server, job, 1)
    outcome = []

    def follow():
        try:
            outcome.append(list(server.watch(job.name, after=seen)))
        except grpc.RpcError as error:
            outcome.append(error.code())
    thread = threading.Thread(target=follow)
    thread.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=20) == 0
    thread.join(timeout=10)
    assert outcome == [grpc.StatusCode.UNAVAILABLE]


def test_all_wrong_fields_come_in_one_answer(server):
    with pytest.raises(grpc.RpcError) as wrong:
        server.submit(dataset="nothing", base="neither", epochs=0, learning_rate=-1.0, dropout=1.5)
    text = wrong.value.details()
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    for field in ("spec.dataset", "spec.base", "spec.options.epochs", "spec.options.learning_rate",
                  "spec.options.dropout"):
        assert field in text
    with pytest.raises(grpc.RpcError) as unknown:
        server.submit(schedule=7, keep=9, epochs=0)
    assert violations(unknown.value).keys() == {"spec.options.schedule", "spec.options.keep", "spec.options.epochs"}
    with pytest.raises(grpc.RpcError) as many:
        server.submit(processes=1024)
    assert "--max-processes" in violations(many.value)["spec.options.processes"]
    assert not server.jobs.ListJobs(training_pb2.ListJobsRequest()).jobs


def test_what_the_trainer_could_only_refuse_is_refused_at_once(server):
    server.upload("one", b"Acme\tB-ORG\n")
    processor = pathlib.Path("/proc/cpuinfo").read_text()
    wanted = {"spec.dataset", "spec.options.epochs"}
    if "avx512_bf16" not in processor:
        wanted.add("spec.options.precision")
    with pytest.raises(grpc.RpcError) as wrong:
        server.submit(dataset="one", epochs=0, precision="bf16", device="cpu")
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT and violations(wrong.value).keys() == wanted
    if not pathlib.Path("/proc/driver/nvidia/gpus").exists():
        with pytest.raises(grpc.RpcError) as wrong:
            server.submit(dataset="one", epochs=0, device="cuda")
        assert violations(wrong.value).keys() == {"spec.dataset", "spec.options.epochs", "spec.options.device"}


def test_validate_only_stores_nothing(server):
    answer = server.jobs.CreateJob(training_pb2.CreateJobRequest(validate_only=True, spec=training_pb2.JobSpec(
        dataset="datasets/small", base="models/base", model="models/m")))
    assert answer.spec.base == "models/base/versions/1" and answer.spec.options.epochs == 5 and not answer.name
    assert not server.jobs.ListJobs(training_pb2.ListJobsRequest()).jobs


def test_a_dataset_without_validation_part_is_split(start_server):
    server = start_server()
    server.import_model("base", BASE)
    server.upload("whole", sentences(CORPUS / "train.conll", 50))
    job = server.submit(dataset="whole", epochs=1, validation_fraction=0.2)
    started = [e.training_started for e in server.watch(job.name) if e.WhichOneof("event") == "training_started"][0]
    assert started.train_sentences == 40 and started.validation_sentences == 10


def test_a_dataset_with_documents_is_split_between_them(start_server):
    server = start_server()
    server.import_model("base", BASE)
    blocks = sentences(CORPUS / "train.conll", 50).decode().strip().split("\n\n")
    documents = [blocks[i:i + 5] for i in range(0, 50, 5)]
    corpus = "\n\n".join("-DOCSTART-\tO\n\n" + "\n\n".join(document) for document in documents) + "\n"
    server.upload("whole", corpus.encode())
    job = server.submit(dataset="whole", epochs=1, validation_fraction=0.14)
    started = [e.training_started for e in server.watch(job.name) if e.WhichOneof("event") == "training_started"][0]
    # By sentences it would be 7: one document, whole.
    assert started.train_sentences == 45 and started.validation_sentences == 5
