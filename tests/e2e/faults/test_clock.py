"""A clock that somebody sets back, and forth again."""
import os
import struct
import subprocess
import time

import pytest
from conftest import BASE, BIN, CORPUS, PATIENCE, sentences, state_of, wait_for
from fintag.v1 import dataset_pb2, training_pb2

# shifted_clock.c, built.
SHIM = os.environ["FINTAG_SHIFTED_CLOCK"]
DAY = 86400


@pytest.fixture
def dated(tmp_path, start_server, quick_tagger):
    """A server, and what sets its clock: set_clock(-DAY)."""
    file = tmp_path / "clock"
    file.write_bytes(bytes(8))

    def set_clock(seconds):
        with open(file, "r+b", buffering=0) as clock:
            clock.write(struct.pack("q", seconds))
    server = start_server("--max-caller-rate", "200",
                          prefix=["env", f"LD_PRELOAD={SHIM}", f"SHIFTED_CLOCK={file}"])
    server.import_model("base", BASE)
    server.import_model("tagger", quick_tagger)
    server.upload("small", sentences(CORPUS / "train.conll", 30))
    return server, set_clock


def seconds(job):
    return [getattr(job, name).ToMilliseconds() / 1000 for name in ("create_time", "start_time", "end_time")]


@pytest.mark.parametrize("offset", [-DAY, DAY])
def test_jobs_lists_and_limits_go_on_when_the_clock_is_set(dated, offset):
    server, set_clock = dated
    for number in range(6):
        server.upload(f"d{number}", sentences(CORPUS / "train.conll", 5))
    first = server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(page_size=3))
    running = server.submit(epochs=1000, model="other")
    watch = server.watch(running.name)
    wait_for(lambda: next(watch).WhichOneof("event") == "progress", what="the trainer's start")
    waiting = server.submit(epochs=1, model="another")
    set_clock(offset)
    new = server.upload("later", sentences(CORPUS / "train.conll", 5))
    shift = new.create_time.ToMilliseconds() / 1000 - time.time()
    assert abs(shift - offset) < 60  # it is set
    server.tag(["Acme Corp. is in Paris."])
    for _ in range(20):
        server.job(running.name)  # within the limit of requests a second
    rest = server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(page_size=100, page_token=first.next_page_token))
    listed = [d.name for d in [*first.datasets, *rest.datasets]]
    assert listed == [f"datasets/d{number}" for number in (5, 4, 3, 2, 1, 0)] + ["datasets/small"]
    assert server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest()).datasets[0].name == "datasets/later"
    start = time.monotonic()
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=running.name))
    assert [state_of(e) for e in watch][-1] == "CANCELLED" and time.monotonic() - start < 20 * PATIENCE
    assert [state_of(e) for e in server.watch(waiting.name)][-1] == "SUCCEEDED"
    set_clock(0)
    last = server.submit(epochs=1, model="another")
    assert [state_of(e) for e in server.watch(last.name)][-1] == "SUCCEEDED"
    for job in (running, waiting, last):
        times = seconds(server.job(job.name))
        assert times == sorted(times) and times[0] > 0
        events = [event.time.ToMilliseconds() for event in server.watch(job.name)]
        assert events == sorted(events)
    newest = server.jobs.ListJobs(training_pb2.ListJobsRequest()).jobs
    assert [job.name for job in newest] == [last.name, waiting.name, running.name]


def test_a_backup_of_yesterday_is_restored_today(dated, tmp_path):
    server, set_clock = dated
    set_clock(-DAY)
    assert subprocess.run([BIN / "fintag", "--server", server.address, "admin", "backup", tmp_path / "b.tar"],
                          check=False).returncode == 0
    set_clock(0)
    restored = subprocess.run([BIN / "fintagd", "--restore", tmp_path / "b.tar", "--data-dir", tmp_path / "new"],
                              capture_output=True, text=True, check=False)
    assert restored.returncode == 0 and "1 dataset, 2 model versions and 0 jobs" in restored.stdout
