"""Jobs: watched, cancelled, failed, and followed over a server that is killed and started again."""
import io
import os
import signal
import subprocess
import sys
import threading
import time

import fintag
import pytest
from conftest import PATIENCE, servers
from fintag.v1 import training_pb2


def kill_trainer(server, job):
    folder = server.data / "jobs" / job.id
    pid = servers.wait_for(lambda: (folder / "trainer.pid").exists() and (folder / "trainer.pid").read_text().strip())
    os.kill(int(pid.split()[0]), signal.SIGKILL)


def test_events_are_numbered_and_typed(client):
    job = client.train(dataset="small", base="base", model="events", epochs=1, threads=1, learning_rate=2e-4)
    events = list(job.events())
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [type(event.what) for event in events]
    assert {fintag.StateChanged, fintag.TrainingStarted, fintag.Progress, fintag.Epoch,
            fintag.TrainingFinished} == set(kinds)
    states = [event.what.state for event in events if isinstance(event.what, fintag.StateChanged)]
    assert states[0] is fintag.JobState.QUEUED and states[-1] is fintag.JobState.SUCCEEDED is job.state
    started, = [event.what for event in events if isinstance(event.what, fintag.TrainingStarted)]
    assert started.train_sentences == 60 and started.word_lookup.micro.f1 > 0
    middle = events[len(events) // 2].sequence
    assert list(job.events(after=middle)) == events[middle:]
    assert list(job.events(after=events[-1].sequence)) == []
    assert list(job.watch()) == job.epochs and len(job.epochs) == 1
    with pytest.raises(fintag.OutOfRange):
        list(job.events(after=10**6))


def test_leaving_a_watch_leaves_the_job_running(client):
    job = client.train(dataset="small", base="base", model="left", epochs=1000, threads=1, learning_rate=2e-4)
    for epoch in job.watch():
        assert epoch.epoch == 1
        break
    assert job.refresh().state is fintag.JobState.RUNNING and len(job.epochs) >= 1
    assert job.start_time >= job.create_time and job.end_time is None
    job.cancel()
    with pytest.raises(fintag.JobCancelled, match="models/left/versions/1") as cancelled:
        job.wait()
    assert cancelled.value.job is job and job.state is fintag.JobState.CANCELLED
    with pytest.raises(fintag.FailedPrecondition):
        job.cancel()


def test_a_failed_job_raises_the_trainers_reason(own):
    with fintag.Client(own.address) as client:
        job = client.train(dataset="small", base="base", model="tagger", epochs=1000, threads=1)
        epochs = []
        with pytest.raises(fintag.JobFailed, match="signal 9") as failed:
            for epoch in job.watch():
                if not epochs:
                    kill_trainer(own, job)
                epochs.append(epoch)
        assert epochs and failed.value.job is job and "signal 9" in failed.value.reason
        assert job.state is fintag.JobState.FAILED and "signal 9" in repr(client.jobs.get(job))


def test_all_wrong_fields_come_at_once(client):
    with pytest.raises(fintag.InvalidArgument) as wrong:
        client.train(dataset="nothing", base="neither", model="m", epochs=0, learning_rate=-1.0, dropout=1.5)
    assert {field.field for field in wrong.value.fields} == {
        "spec.dataset", "spec.base", "spec.options.epochs", "spec.options.learning_rate", "spec.options.dropout"}
    assert all(field.description for field in wrong.value.fields) and "spec.options.dropout" in str(wrong.value)
    with pytest.raises(TypeError, match="no option 'epoch'; it has epochs"):
        client.train(dataset="corpus", base="base", model="m", epoch=3)
    with pytest.raises(fintag.InvalidArgument, match="spec.options.epochs"):
        client.train(dataset="corpus", base="base", model="m", epochs="five")
    with pytest.raises(fintag.InvalidArgument, match="'linear' or 'constant'"):
        client.train(dataset="corpus", base="base", model="m", schedule="cosine")


def test_options_are_those_of_the_contract(client):
    assert set(fintag.TrainingOptions.__annotations__) == set(training_pb2.TrainingOptions.DESCRIPTOR.fields_by_name)
    job = client.train(dataset="small", base="base", model="options", epochs=1, threads=1, schedule="constant",
                       keep="last", shuffle=False, seed=7, warmup_ratio=None)
    assert job.options["schedule"] == "constant" and job.options["keep"] == "last" and job.options["seed"] == 7
    job.cancel()


def test_a_watch_outlives_the_server(own):
    """The server is killed and started again at the same address under a watch, which misses nothing."""
    with fintag.Client(own.address, reconnect_for=60 * PATIENCE) as client:
        job = client.train(dataset="small", base="base", model="tagger", epochs=5, threads=1, learning_rate=2e-4)
        seen, restarted = [], None

        def restart():
            own.stop(signal.SIGKILL)
            time.sleep(1)
            own.start(listen=own.address)
        for event in job.events():
            seen.append(event.sequence)
            if restarted is None and isinstance(event.what, fintag.Epoch):
                restarted = threading.Thread(target=restart)
                restarted.start()
        restarted.join()
        assert seen == list(range(1, len(seen) + 1))
        assert job.state is fintag.JobState.SUCCEEDED and len(job.epochs) == 5
        assert job.model_version == "models/tagger/versions/1"


def test_a_watch_gives_up_on_a_server_that_stays_away(own):
    with fintag.Client(own.address, reconnect_for=1.5) as client:
        job = client.train(dataset="small", base="base", model="tagger", epochs=1000, threads=1)
        start = None
        with pytest.raises(fintag.Unavailable):
            for event in job.events():
                if start is None and isinstance(event.what, fintag.Epoch):
                    own.stop(signal.SIGKILL)
                    start = time.monotonic()
        assert 0.5 < time.monotonic() - start < 15 * PATIENCE


def test_a_watch_asks_anew_without_a_gap(client, monkeypatch):
    from fintag import _jobs
    monkeypatch.setattr(_jobs, "_RENEWAL", 0.2)
    job = client.train(dataset="small", base="base", model="renewed", epochs=1, threads=1, learning_rate=2e-4)
    events = [event.sequence for event in job.events()]
    assert events == list(range(1, len(events) + 1)) and job.state is fintag.JobState.SUCCEEDED


def test_a_progress_bar_in_a_terminal(client, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True
    monkeypatch.setattr(sys, "stderr", Terminal())
    job = client.train(dataset="small", base="base", model="bar", epochs=2, threads=1, learning_rate=2e-4)
    job.wait()
    drawn = sys.stderr.getvalue().split("\r")
    assert "100%" in drawn[-1] and "epoch 2" in drawn[-1] and f"F1={job.epochs[-1].f1:.4f}" in drawn[-1]
    assert any("epoch 1" in line and "loss=" in line for line in drawn)

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    job.wait()
    assert sys.stderr.getvalue() == ""
    job.wait(progress=True)
    assert "100%" in sys.stderr.getvalue()


def test_ctrl_c_ends_the_watch_and_not_the_job(served, client, tmp_path):
    job = client.train(dataset="small", base="base", model="interrupted", epochs=1000, threads=1)
    script = tmp_path / "watch.py"
    # Who starts programs in the background may have made them deaf to the signal.
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script.write_text(f"{deaf}import fintag\nclient = fintag.Client('{served.address}')\n"
                      f"for epoch in client.jobs.get('{job.id}').watch():\n    print(epoch, flush=True)\n",
                      encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert "Epoch 1" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20 * PATIENCE)
    assert "KeyboardInterrupt" in errors and run.returncode != 0
    assert job.refresh().state is fintag.JobState.RUNNING
    job.cancel()
