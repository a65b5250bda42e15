"""The clock set while the server works: back by a day, and on. Runs under a kernel of its own (boot.py), since it sets
the machine's."""
import hashlib
import os
import time

import grpc
import pytest
from conftest import BASE, CORPUS, PATIENCE, Server, sentences, state_of, wait_for
from fintag.v1 import model_pb2, training_pb2

DAY = 86400


@pytest.fixture(autouse=True)
def own_kernel():
    if "um" not in os.uname().release and "FINTAG_OWN_KERNEL" not in os.environ:
        pytest.skip("it would set this machine's clock")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all: under this kernel a start takes ten seconds."""
    running = Server(tmp_path_factory.mktemp("clock") / "data", "--max-caller-tokens-per-minute", "600")
    running.import_model("base", BASE)
    running.upload("small", sentences(CORPUS / "train.conll", 60), sentences(CORPUS / "validation.conll", 20))
    yield running
    running.stop()


def set_clock(by):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + by)


def ran(event):
    return event.WhichOneof("event") == "epoch_finished"


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_jobs_go_on(server, by):
    first = server.submit(epochs=1, model="first")
    assert [state_of(e) for e in server.watch(first.name)][-1] == "SUCCEEDED"
    job = server.submit(epochs=3)
    waiting = server.submit(epochs=1, model="other")
    events = []
    for event in server.watch(job.name):
        events.append(event)
        if ran(event) and sum(map(ran, events)) == 1:
            set_clock(by)
    assert state_of(events[-1]) == "SUCCEEDED" and sum(map(ran, events)) == 3
    assert [state_of(e) for e in server.watch(waiting.name)][-1] == "SUCCEEDED"
    # No time of a job comes before one that was before it.
    times = [event.time.ToNanoseconds() for event in events]
    assert times == sorted(times)
    for name in (job.name, waiting.name):
        ended = server.job(name)
        assert ended.create_time.ToNanoseconds() <= ended.start_time.ToNanoseconds() <= ended.end_time.ToNanoseconds()
    # Newest first, whatever the clock said.
    listed = server.jobs.ListJobs(training_pb2.ListJobsRequest(), timeout=10 * PATIENCE).jobs
    assert [each.name for each in listed[:3]] == [waiting.name, job.name, first.name]


def test_a_cancelled_job_ends_in_its_time(server):
    job = server.submit(epochs=1000)
    next(event for event in server.watch(job.name) if ran(event))
    set_clock(-DAY)
    start = time.monotonic()
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name), timeout=10 * PATIENCE)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "CANCELLED"
    assert time.monotonic() - start < 30 * PATIENCE


def test_texts_are_tagged_within_their_deadline_and_limits(server):
    job = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED"
    text = "Ann lives in Rome."
    expected = server.tag([text]).results[0]

    def tag_until_refused(tagged):
        with pytest.raises(grpc.RpcError) as refused:
            for _ in range(10):
                server.tag([tagged])
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    for by in (-DAY, DAY, -DAY):
        # In few calls, for ten tokens a second come back: until not even the text is allowed.
        for words in (300, 100, 30, 10):
            tag_until_refused("word " * words)
        tag_until_refused(text)
        set_clock(by)
        with pytest.raises(grpc.RpcError) as refused:  # a day has brought none back
            server.tag(["word " * 300])
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        time.sleep(2)  # twenty tokens
        assert server.tag([text], timeout=10).results[0] == expected


def test_a_token_that_was_taken_back_is_refused(start_server, tmp_path):
    tokens = tmp_path / "tokens"

    def write(*names):
        tokens.write_text("".join(f"{name} viewer sha256:{hashlib.sha256(name.encode()).hexdigest()}\n"
                                  for name in names), encoding="ascii")
    write("ann", "bob")
    server = start_server("--tokens", tokens)

    def served(name):
        try:
            server.models.ListModels(model_pb2.ListModelsRequest(), timeout=10 * PATIENCE,
                                     metadata=(("authorization", f"Bearer {name}"),))
            return True
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
            return False
    assert served("ann") and served("bob")
    time.sleep(1.5)  # the server waits for its next look at the file
    set_clock(-DAY)
    write("ann")
    wait_for(lambda: not served("bob"), 15, "that bob is refused")
    assert served("ann")
