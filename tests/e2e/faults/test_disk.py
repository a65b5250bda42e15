"""A disk that is full, and one that may only be read."""
import os
import signal
import subprocess
import urllib.request

import grpc
import pytest
from conftest import BASE, BIN, CORPUS, sentences, state_of, wait_for
from disks import file_disk, memory_disk, run
from fintag.v1 import dataset_pb2, model_pb2, training_pb2

TEXTS = ["Ingeborg Falk, chief executive of Norrland Pulp AB, spoke in Stockholm."]


def refused(call, code, *words):
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() == code and all(word in error.value.details() for word in words), error.value
    return error.value


def upload(server, name):
    return server.upload(name, sentences(CORPUS / "train.conll", 30))


def names(server):
    datasets = server.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest()).datasets
    models = server.models.ListModels(model_pb2.ListModelsRequest()).models
    jobs = server.jobs.ListJobs(training_pb2.ListJobsRequest()).jobs
    return {resource.name for resource in [*datasets, *models, *jobs]}


@pytest.fixture
def disk_server(tmp_path, start_server, quick_tagger):
    """Starts a server on a disk, with a base, a tagger and a dataset."""
    disks = []

    def start(disk):
        disks.append(disk)
        server = start_server(data="disk", prefix=disk.prefix)
        server.import_model("base", BASE)
        server.import_model("tagger", quick_tagger)
        upload(server, "small")
        server.tag(TEXTS)
        return server
    yield start
    for disk in disks:
        disk.end()


def test_a_full_disk_refuses_what_needs_room_and_nothing_is_lost(disk_server, tmp_path):
    disk = memory_disk(tmp_path / "disk", 600)
    server = disk_server(disk)
    # Its first epoch outlasts what follows: a trainer that meets the full disk gives room back.
    server.upload("long", sentences(CORPUS / "train.conll", 400))
    job = server.submit(dataset="long", epochs=1000, model="other")
    watch = server.watch(job.name)
    wait_for(lambda: next(watch).WhichOneof("event") == "progress", what="the trainer's start")
    known = names(server)
    tagged = server.tag(TEXTS).SerializeToString(deterministic=True)
    filler = disk.inside(disk.folder / "filler")
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(file, b"x" * (1 << 20))
    os.close(file)
    assert disk.free_bytes() < 1 << 20
    full = grpc.StatusCode.RESOURCE_EXHAUSTED
    refused(lambda: upload(server, "more"), full, "larger disk")
    refused(lambda: server.import_model("more", BASE), full, "larger disk")
    refused(lambda: server.submit(epochs=1), full)
    assert server.tag(TEXTS).SerializeToString(deterministic=True) == tagged
    assert names(server) == known
    assert server.metric("fintag_data_filesystem_avail_bytes") < 1 << 20
    wait_for(lambda: "the job queue is held up" in server.text() or
             server.job(job.name).state == training_pb2.JOB_STATE_FAILED, 60, "the running job's end")
    filler.unlink()
    ended = wait_for(lambda: (found := server.job(job.name)).state == training_pb2.JOB_STATE_FAILED and found, 60)
    assert "No space left" in ended.failure_reason or "disk" in ended.failure_reason, ended.failure_reason
    assert state_of(list(server.watch(job.name))[-1]) == "FAILED"
    upload(server, "more")
    again = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(again.name)][-1] == "SUCCEEDED"
    server.stop(signal.SIGKILL)
    server.start()
    assert names(server) == known | {"datasets/more", again.name}


def test_a_disk_that_may_only_be_read_serves_on_and_is_mended(disk_server, tmp_path):
    disk = file_disk(tmp_path / "disk", tmp_path / "image", 700)
    server = disk_server(disk)
    known = names(server)
    # What the kernel does where it finds the file system damaged.
    assert disk.run("mount", "-o", "remount,abort", disk.folder).returncode == 0
    unavailable = grpc.StatusCode.UNAVAILABLE
    refused(lambda: upload(server, "more"), unavailable, "Read-only", "mount it writable")
    refused(lambda: server.submit(epochs=1), unavailable, "Read-only", "mount it writable")
    refused(lambda: server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name="datasets/small")), unavailable)
    server.tag(TEXTS)
    assert names(server) == known
    assert urllib.request.urlopen(f"{server.http}/readyz", timeout=5).status == 200
    server.stop()
    disk.unmount()
    assert run("e2fsck", "-fy", tmp_path / "image").returncode in (0, 1)
    assert disk.mount().returncode == 0
    server.start()
    assert names(server) == known
    upload(server, "more")


def test_a_server_does_not_start_on_a_disk_that_may_only_be_read(disk_server, tmp_path):
    disk = memory_disk(tmp_path / "disk", 400)
    server = disk_server(disk)
    server.stop()
    assert disk.run("mount", "-o", "remount,ro", disk.folder).returncode == 0
    started = subprocess.run([*disk.prefix, BIN / "fintagd", "--data-dir", disk.folder, "--listen", "localhost:0",
                              "--metrics-listen", "localhost:0"], capture_output=True, text=True, timeout=30, check=False)
    assert started.returncode == 1 and "Read-only" in started.stderr and "mount it writable" in started.stderr
    assert disk.run("mount", "-o", "remount,rw", disk.folder).returncode == 0
    server.start()
    server.tag(TEXTS)
