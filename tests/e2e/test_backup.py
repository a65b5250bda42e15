"""Backups of a server at work, and data folders made of them."""
import hashlib
import json
import signal
import subprocess
import threading
import time

import grpc
import pytest
from conftest import BASE, BIN, CORPUS, PATIENCE, sentences, state_of, wait_for
from fintag.v1 import admin_pb2, dataset_pb2, model_pb2, training_pb2
from test_datasets import reasons, retry_seconds

TEXTS = ["Ingeborg Falk, chief executive of Norrland Pulp AB, spoke in Stockholm.", "Acme Corp. borrowed 5 million."]


def back_up(server, file, *options):
    done = subprocess.run([BIN / "fintag", "--server", server.address, "admin", "backup", file, *options],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restore(file, folder):
    return subprocess.run([BIN / "fintagd", "--restore", file, "--data-dir", folder], capture_output=True, text=True,
                          timeout=120, check=False)


def events(server, job, count=None):
    """The events of a job as they are stored, all of a finished one or the first `count`."""
    found = []
    for event in server.watch(job):
        found.append(event.SerializeToString(deterministic=True))
        if len(found) == count:
            break
    return found


class Load:
    """Tags, uploads and deletes until told to stop; keeps the first error."""

    def __init__(self, server):
        self.server, self.error, self.rounds, self.stopping = server, None, 0, threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(work,)) for work in (self.tag, self.change)]
        for thread in self.threads:
            thread.start()

    def repeat(self, work):
        number = 0
        while not self.stopping.is_set() and self.error is None:
            try:
                work(number)
            except grpc.RpcError as error:
                self.error = error
            number += 1

    def tag(self, _):
        self.server.tag(TEXTS)

    def change(self, number):
        self.server.upload(f"passing-{number}", sentences(CORPUS / "train.conll", 30))
        if number > 2:
            self.server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=f"datasets/passing-{number - 2}"))
        self.rounds += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert self.error is None and self.rounds > 0


def test_a_server_at_work_is_backed_up_and_restored(server, start_server, tmp_path, trained):
    server.import_model("tagger", trained)
    done = server.submit(model="second", epochs=1)
    assert [state_of(e) for e in server.watch(done.name)][-1] == "SUCCEEDED"
    running = server.submit(model="third", epochs=1000)
    watch = server.watch(running.name)
    seen = [next(watch) for _ in range(4)]
    waiting = server.submit(model="fourth", epochs=1)
    load = Load(server)
    wait_for(lambda: load.rounds > 3, what="the load")
    archive = tmp_path / "fintag.tar"
    told = json.loads(back_up(server, archive, "--json"))
    at_backup = load.rounds
    wait_for(lambda: load.rounds > at_backup + 1, what="the load to go on")
    load.stop()
    tagged = {model: server.tag(TEXTS, model=f"models/{model}").SerializeToString(deterministic=True)
              for model in ("tagger", "second")}
    finished = events(server, done.name)
    assert told["size_bytes"] == archive.stat().st_size and told["jobs"] == 3 and told["model_versions"] == 3
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == told["sha256"]
    assert not list((server.data / ".backup").iterdir()) and not list(tmp_path.glob("*.part-*"))
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=running.name))

    made = restore(archive, tmp_path / "new")
    assert made.returncode == 0 and "3 model versions and 3 jobs" in made.stdout, made.stderr
    assert len(made.stdout.splitlines()) == 1
    second = start_server(data="new")
    assert {"datasets/small"} <= {d.name for d in second.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest()).datasets}
    for model, answer in tagged.items():
        assert second.tag(TEXTS, model=f"models/{model}").SerializeToString(deterministic=True) == answer
    assert events(second, done.name) == finished
    assert events(second, running.name, len(seen)) == [e.SerializeToString(deterministic=True) for e in seen]
    ended = wait_for(lambda: (job := second.job(running.name)).state == training_pb2.JOB_STATE_FAILED and job)
    assert "backup" in ended.failure_reason and "submit it again" in ended.failure_reason
    assert [state_of(e) for e in second.watch(running.name)][-1] == "FAILED"
    assert [state_of(e) for e in second.watch(waiting.name)][-1] == "SUCCEEDED"


def test_what_was_acknowledged_before_the_backup_is_in_it(start_server, tmp_path):
    server = start_server()
    names = []
    for number in range(20):
        names.append(server.upload(f"d{number}", sentences(CORPUS / "train.conll", 5)).name)
        if number % 5 == 0:
            archive = tmp_path / f"{number}.tar"
            back_up(server, archive)
            assert restore(archive, tmp_path / str(number)).returncode == 0
            again = start_server(data=str(number))
            listed = again.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(page_size=100)).datasets
            assert {d.name for d in listed} == set(names)
            assert again.stop() == 0


def test_restore_refuses_a_folder_in_use_and_a_bad_archive_and_leaves_nothing(start_server, tmp_path):
    server = start_server()
    server.import_model("base", BASE)
    archive = tmp_path / "fintag.tar"
    back_up(server, archive)
    refused = restore(archive, server.data)
    assert refused.returncode == 1 and "another fintagd" in refused.stderr
    server.stop()
    refused = restore(archive, server.data)
    assert refused.returncode == 1 and "not empty" in refused.stderr
    whole = archive.read_bytes()
    for bad in (whole[:len(whole) // 2], whole[:-5000], whole[:9000] + b"x" + whole[9001:]):
        (tmp_path / "bad.tar").write_bytes(bad)
        refused = restore(tmp_path / "bad.tar", tmp_path / "new")
        assert refused.returncode == 1 and "damaged" in refused.stderr
        assert not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir()
    assert restore(archive, tmp_path / "new").returncode == 0
    # Nothing of ours is needed to check one.
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path / "unpacked"], check=True)
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "unpacked",
                          check=False).returncode == 0


def test_an_interrupted_restore_is_told_and_done_again(start_server, tmp_path):
    server = start_server()
    server.import_model("base", BASE)
    back_up(server, tmp_path / "fintag.tar")
    server.stop()
    restoring = subprocess.Popen([BIN / "fintagd", "--restore", tmp_path / "fintag.tar", "--data-dir", tmp_path / "new"])
    wait_for(lambda: (tmp_path / "new/.restoring/models").exists() or restoring.poll() is not None)
    restoring.kill()
    restoring.wait()
    if (tmp_path / "new/.restoring").exists():
        refused = subprocess.run([BIN / "fintagd", "--data-dir", tmp_path / "new", "--listen", "localhost:0",
                                  "--metrics-listen", "localhost:0"], capture_output=True, text=True, timeout=30,
                                 check=False)
        assert refused.returncode == 1 and "--restore again" in refused.stderr
        assert restore(tmp_path / "fintag.tar", tmp_path / "new").returncode == 0
    again = start_server(data="new")
    assert again.models.GetModel(model_pb2.GetModelRequest(name="models/base")).versions


def test_one_backup_at_a_time_and_none_outlives_its_server(start_server):
    server = start_server()
    server.import_model("base", BASE)
    first = server.admin.Backup(admin_pb2.BackupRequest())
    assert next(first).start.model_versions == 1
    with pytest.raises(grpc.RpcError) as refused:
        next(server.admin.Backup(admin_pb2.BackupRequest()))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and retry_seconds(refused.value) > 0
    # A version that is deleted meanwhile stays in the archive.
    server.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/base"))
    last = list(first)[-1]
    assert last.HasField("end") and last.end.size_bytes > 10 ** 6
    server.import_model("base", BASE)
    stuck = server.admin.Backup(admin_pb2.BackupRequest())
    next(stuck)
    assert list((server.data / ".backup").iterdir())
    server.stop(signal.SIGKILL)
    server.start()
    assert not (server.data / ".backup").exists()


def test_a_stopping_server_ends_a_backup(start_server):
    server = start_server()
    server.import_model("base", BASE)
    backup = server.admin.Backup(admin_pb2.BackupRequest())
    next(backup)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.2 * PATIENCE)
    with pytest.raises(grpc.RpcError) as ended:
        list(backup)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE and reasons(ended.value) == ["UNAVAILABLE"]
    assert server.process.wait(timeout=30) == 0
