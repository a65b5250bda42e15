"""No file descriptors left, and no memory: taken from the running server, and given back."""
import itertools
import os
import pathlib
import re
import subprocess
import time

import grpc
import pytest
from conftest import BASE, CORPUS, sentences, state_of, wait_for
from fintag.v1 import dataset_pb2, dataset_pb2_grpc
from test_disk import TEXTS, refused


def limit(server, what, value):
    set_to = subprocess.run(["prlimit", "--pid", str(server.process.pid), f"--{what}={value}:"], capture_output=True,
                            text=True, check=False)
    if set_to.returncode != 0:
        pytest.skip(f"prlimit: {set_to.stderr.strip()}")


def use_up_descriptors(server):
    used = {int(name) for name in os.listdir(f"/proc/{server.process.pid}/fd")}
    limit(server, "nofile", next(number for number in itertools.count() if number not in used))


def on_a_new_connection(server, timeout=10):
    channel = server.connect()
    try:
        return dataset_pb2_grpc.DatasetServiceStub(channel).ListDatasets(dataset_pb2.ListDatasetsRequest(),
                                                                         timeout=timeout)
    finally:
        channel.close()


def test_without_descriptors_connections_are_turned_away_until_there_are_some(start_server, quick_tagger):
    server = start_server()
    server.import_model("base", BASE)
    server.import_model("tagger", quick_tagger)
    server.import_model("second", quick_tagger)
    server.upload("small", sentences(CORPUS / "train.conll", 10))
    server.tag(TEXTS)
    use_up_descriptors(server)
    start = time.monotonic()
    refused(lambda: on_a_new_connection(server), grpc.StatusCode.UNAVAILABLE)
    assert time.monotonic() - start < 5  # told, not kept waiting
    wait_for(lambda: re.search(r"connections are refused.*Too many open files.*raise the server's limit",
                               server.text()), what="the log")
    # Who is connected is served, but for what needs a file. That is no damage of the file.
    server.tag(TEXTS)
    refused(lambda: server.tag(TEXTS, model="models/second"), grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many open files")
    assert "damaged" not in server.text()
    refused(lambda: server.submit(epochs=1), grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many open files")
    limit(server, "nofile", 1000)
    assert len(on_a_new_connection(server).datasets) == 1
    wait_for(lambda: "connections are taken again" in server.text(), what="the log")
    assert server.metric("process_max_fds") == 1000
    job = server.submit(epochs=1, model="other")
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED"


def test_jobs_wait_for_descriptors(server):
    first = server.submit(epochs=3)
    second = server.submit(epochs=1, model="other")
    watch = server.watch(first.name)
    next(event for event in watch if event.WhichOneof("event") == "epoch_finished")
    watch.cancel()
    folder = server.data / "jobs" / first.name.removeprefix("jobs/")
    trainer = pathlib.Path("/proc", (folder / "trainer.pid").read_text(encoding="ascii").strip())
    time.sleep(0.5)  # for the watch's end
    use_up_descriptors(server)
    wait_for(lambda: not trainer.exists(), 60, "the trainer's end")
    wait_for(lambda: re.search(f"{folder.name}.*Too many open files|Too many open files.*{folder.name}", server.text()),
             what="the log")
    time.sleep(1)
    limit(server, "nofile", 1000)
    # What had ended is registered, what waited is started.
    for job in (first, second):
        assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name)


def data_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmData:\s+(\d+) kB", status)[1]) << 10


def test_a_call_without_memory_is_refused_and_the_next_one_served(start_server, quick_tagger):
    server = start_server()
    server.import_model("tagger", quick_tagger)
    server.import_model("second", quick_tagger)
    expected = server.tag(TEXTS).results[0]
    limit(server, "data", data_bytes(server) + (32 << 20))
    refused(lambda: server.tag(TEXTS, model="models/second"), grpc.StatusCode.RESOURCE_EXHAUSTED, "memory")
    assert server.tag(TEXTS).results[0] == expected
    limit(server, "data", "unlimited")
    assert server.tag(TEXTS, model="models/second").results[0] == expected


def test_a_trainer_without_memory_fails_alone(start_server, quick_tagger):
    server = start_server("--trainer-memory", "160MB")
    server.import_model("base", BASE)
    server.import_model("tagger", quick_tagger)
    server.upload("small", sentences(CORPUS / "train.conll", 30))
    job = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "FAILED"
    assert "out of memory" in server.job(job.name).failure_reason
    server.tag(TEXTS)
    assert server.metric('fintag_jobs_ended_total{state="FAILED"}') == 1
