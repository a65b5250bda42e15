"""Jobs through a real Slurm: submitted, followed, cancelled, taken up again, and lost with their node."""
import os
import pathlib
import signal
import time

import pytest
from cluster import Cluster
from conftest import BASE, BIN, CORPUS, Server, end_trainers, sentences, state_of, wait_for
from fintag.v1 import training_pb2


@pytest.fixture(scope="module")
def cluster():
    running = Cluster()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with the base encoder and a small dataset."""
    folder = tmp_path_factory.mktemp("slurm") / "data"
    server = Server(folder)
    server.import_model("base", BASE)
    server.upload("small", sentences(CORPUS / "train.conll", 24), sentences(CORPUS / "validation.conll", 8))
    assert server.stop() == 0
    return folder


@pytest.fixture
def start(cluster, data, monkeypatch):
    """Starts servers on the one data folder, one after another."""
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setenv("FINTAG_SECRET", "hush")
    servers = []

    def start_server(*options):
        servers.append(Server(data, "--launcher", "slurm", "--max-running-jobs", "4", *options))
        return servers[-1]
    yield start_server
    server = servers[-1]
    if server.process.poll() is None:
        server.stop(signal.SIGKILL)
    for name, _, _ in cluster.jobs():
        cluster.run("scancel", "--signal=KILL", f"--name={name}")
    end_trainers(data)


def folder_of(server, job):
    return server.data / job.name


def cancel(server, job):
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    return [state_of(e) for e in server.watch(job.name)][-1]


def wait_for_epoch(server, job):
    wait_for(lambda: len(server.job(job.name).epochs) > 0, 30, "an epoch")


def trainer_of(folder):
    """The process that trains in `folder`, as /proc has it."""
    def find():
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cmdline").read_bytes().split(b"\0")[1:3] == [b"--job", os.fsencode(folder)]:
                    return process
            except OSError:
                pass
        return None
    return wait_for(find, 10, "a trainer")


def test_a_job_trains_on_the_cluster(start, cluster):
    server = start("--slurm-option=--partition=main", "--slurm-option=--cpus-per-task=1")
    job = server.submit(epochs=2, model="first")
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    assert server.tag(["Acme Corp. is in Paris."], model="models/first").model_version == "models/first/versions/1"
    name, number = (folder_of(server, job) / "slurm.job").read_text().split()
    assert name == "fintag-" + job.name.removeprefix("jobs/") and number == cluster.submissions()[-1]
    assert f"Slurm job {number} RUNNING" in server.text()


def test_a_job_of_several_processes_has_a_rank_on_every_node(start, cluster, tmp_path):
    trainer = tmp_path / "trainer"
    trainer.write_text(f"""#!/bin/sh
env > "rank$RANK.env"
exec {BIN}/fintag-train "$@"
""", encoding="utf-8")
    trainer.chmod(0o755)
    server = start("--trainer", str(trainer), "--slurm-option=--ntasks-per-node=1")
    job = server.submit(epochs=1, model="together", processes=2)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    told = [dict(line.split("=", 1) for line in (folder_of(server, job) / f"rank{rank}.env").read_text().splitlines()
                 if "=" in line) for rank in (0, 1)]
    assert [t["RANK"] for t in told] == ["0", "1"] and {t["LOCAL_RANK"] for t in told} == {"0"}
    assert {t["SLURMD_NODENAME"] for t in told} == {"n1", "n2"}
    assert {(t["WORLD_SIZE"], t["MASTER_ADDR"]) for t in told} == {("2", "127.0.0.1")}
    assert told[0]["MASTER_PORT"] == told[1]["MASTER_PORT"] and 20000 <= int(told[0]["MASTER_PORT"]) < 40000


def test_what_slurm_does_not_take_fails_with_its_words(start):
    server = start("--slurm-option=--partition=nowhere")
    job = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "FAILED"
    assert "Slurm does not take the job" in server.job(job.name).failure_reason
    assert "invalid partition specified: nowhere" in server.job(job.name).failure_reason


def test_a_running_job_is_confined_and_can_be_cancelled(start, cluster):
    server = start("--trainer-memory", "8GB")
    job = server.submit(epochs=1000, model="cancelled")
    wait_for_epoch(server, job)
    trainer = trainer_of(folder_of(server, job))
    status, environment = (trainer / "status").read_text(), (trainer / "environ").read_bytes()
    assert "NoNewPrivs:\t1\n" in status and "Umask:\t0077\n" in status
    assert b"hush" not in environment and b"\0HOME=" not in environment
    limits = {line[:26].strip(): line[26:].split()[0] for line in (trainer / "limits").read_text().splitlines()}
    assert limits["Max core file size"] == "0" and limits["Max data size"] == str(8 << 30)
    assert os.readlink(trainer / "cwd") == str(folder_of(server, job))

    began = time.monotonic()
    assert cancel(server, job) == "CANCELLED"
    assert time.monotonic() - began < 9, "it was told to stop, not killed"
    assert server.job(job.name).model_version == "models/cancelled/versions/1"
    wait_for(lambda: not cluster.jobs(), 10, "an empty queue")


def test_a_waiting_job_says_why_and_can_be_cancelled(start, cluster):
    server = start()
    cluster.run("scontrol", "update", "nodename=n[1-2]", "state=drain", "reason=test")
    try:
        job = server.submit(epochs=1, model="waiting")
        wait_for(lambda: " PENDING (" in server.text(), 10, "a reason")
        assert server.job(job.name).state == training_pb2.JOB_STATE_VALIDATING
        assert cancel(server, job) == "CANCELLED"
        assert not cluster.jobs()
    finally:
        cluster.run("scontrol", "update", "nodename=n[1-2]", "state=resume")


def test_a_new_server_takes_up_a_running_job(start, cluster):
    server = start()
    job = server.submit(epochs=6, model="taken-up")
    wait_for_epoch(server, job)
    before = cluster.submissions()
    server.stop(signal.SIGKILL)
    server = start()
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    assert len(server.job(job.name).epochs) == 6 and cluster.submissions() == before


def test_a_job_whose_number_was_not_noted_is_found_by_its_name(start, cluster):
    server = start()
    cluster.run("scontrol", "update", "nodename=n[1-2]", "state=drain", "reason=test")
    try:
        job = server.submit(epochs=1, model="unnoted")
        wait_for(lambda: cluster.jobs(), 10, "a submission")
        before = cluster.submissions()
        server.stop(signal.SIGKILL)
        # As if it was killed before sbatch's answer came.
        note = folder_of(server, job) / "slurm.job"
        note.write_text(note.read_text().split()[0] + "\n")
        server = start()
    finally:
        cluster.run("scontrol", "update", "nodename=n[1-2]", "state=resume")
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    assert cluster.submissions() == before and note.read_text().split()[1] == before[-1]


def test_a_scheduler_that_is_away_holds_nothing_up(start, cluster):
    server = start()
    job = server.submit(epochs=1000, model="patient")
    wait_for_epoch(server, job)
    cluster.processes["slurmctld"].terminate()  # killed, it might forget that the job has begun
    wait_for(lambda: "Unable to contact slurm controller" in server.text(), 30, "a word of it")
    assert server.job(job.name).state == training_pb2.JOB_STATE_RUNNING
    epochs = len(server.job(job.name).epochs)
    wait_for(lambda: len(server.job(job.name).epochs) > epochs, 10, "another epoch")
    cluster.start("slurmctld", "-D")
    assert cancel(server, job) == "CANCELLED" and not cluster.jobs()


def test_a_node_that_fails_fails_its_job(start, cluster):
    server = start("--slurm-option=--nodelist=n2")
    job = server.submit(epochs=1000, model="lost")
    wait_for_epoch(server, job)
    assert [node for _, _, node in cluster.jobs()] == ["n2"]
    cluster.fail("n2")
    try:
        assert [state_of(e) for e in server.watch(job.name)][-1] == "FAILED"
        assert "on n2: a node failed (NODE_FAIL)" in server.job(job.name).failure_reason
    finally:
        cluster.start_node("n2")
