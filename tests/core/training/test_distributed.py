"""fintag-train as several processes, as torchrun, srun or Kubernetes start them: same losses as one process, a lost rank, a
stop, a job folder that a second run goes on in.

Environment: FINTAG_BIN (folder of fintag-train), FINTAG_TEST_BASE (a base encoder).
"""
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
TRAINER = pathlib.Path(os.environ["FINTAG_BIN"]) / "fintag-train"
MINILM = pathlib.Path(os.environ["FINTAG_TEST_BASE"])
TINY = ROOT / "tests/data/golden/checkpoints/safetensors"
CORPUS = ROOT / "tests/data/corpus"
PATIENCE = float(os.environ.get("FINTAG_PATIENCE", "1"))


def sentences(path, count):
    blocks = [b for b in path.read_text(encoding="utf-8").split("\n\n") if b.strip() and "-DOCSTART-" not in b]
    return "\n\n".join(b.strip("\n") for b in blocks[:count]) + "\n"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Ranks:
    """Processes of one run, with what they print."""

    def __init__(self, folder, arguments, ranks=1, names=("WORLD_SIZE", "RANK", "LOCAL_RANK"), of_rank=None):
        self.outputs = [folder / f"rank{rank}.{time.monotonic_ns()}.out" for rank in range(ranks)]
        port = free_port()
        self.processes = []
        for rank, output in enumerate(self.outputs):
            environment = {**os.environ}
            if ranks > 1:
                environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                environment |= dict(zip(names, (str(ranks), str(rank), str(rank))))
            with open(output, "w", encoding="utf-8") as file:
                own = of_rank(rank) if of_rank else []
                self.processes.append(subprocess.Popen([TRAINER, *arguments, *own], stdout=file, env=environment,
                                                       stderr=subprocess.STDOUT))

    def wait(self, seconds=120):
        deadline = time.monotonic() + seconds * PATIENCE
        return [p.wait(timeout=max(0.1, deadline - time.monotonic())) for p in self.processes]

    def text(self, rank=0):
        return self.outputs[rank].read_text(encoding="utf-8")

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            assert time.monotonic() < deadline, [self.text(r) for r in range(len(self.outputs))]
            assert all(p.poll() is None for p in self.processes), [self.text(r) for r in range(len(self.outputs))]
            time.sleep(0.02)

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def run(tmp_path):
    started = []

    def start(*arguments, **options):
        started.append(Ranks(tmp_path, arguments, **options))
        return started[-1]
    yield start
    for ranks in started:
        ranks.kill()


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "train.conll").write_text(sentences(CORPUS / "train.conll", 40), encoding="utf-8")
    (tmp_path / "validation.conll").write_text(sentences(CORPUS / "validation.conll", 12), encoding="utf-8")
    return ["--train", tmp_path / "train.conll", "--validation", tmp_path / "validation.conll"]


def by_hand(corpus, base, output, *options):
    return ["--base", base, *corpus, "--output", output, "--device", "cpu", "--threads", "1", "--log-steps", *options]


def losses(text):
    return [float(loss) for loss in re.findall(r"^step \d+ loss (\S+) rate", text, re.MULTILINE)]


def scores(text):
    """Of each epoch: precision, recall, F1, unseen F1, accuracy."""
    return [line.split()[3:8] for line in text.splitlines() if re.match(r"\s+\d+\s+\d", line)]


def events(folder):
    whole = (folder / "events.log").read_text(encoding="utf-8").rpartition("\n")[0]  # the last may be half written
    return [json.loads(line[9:]) for line in whole.splitlines()]


def test_two_processes_train_as_one(run, tmp_path):
    (tmp_path / "few.conll").write_text(sentences(CORPUS / "train.conll", 70), encoding="utf-8")
    corpus = ["--train", tmp_path / "few.conll", "--validation-fraction", "0.15"]
    options = ["--dropout", "0", "--epochs", "2", "--batch-size", "2", "--learning-rate", "2e-4"]
    alone = run(*by_hand(corpus, MINILM, tmp_path / "one", *options))
    assert alone.wait() == [0], alone.text()
    both = run(*by_hand(corpus, MINILM, tmp_path / "two", *options), ranks=2)
    assert both.wait() == [0, 0], both.text()
    expected, found = losses(alone.text()), losses(both.text())
    assert len(expected) == len(found) >= 50
    assert max(abs(a - b) for a, b in zip(expected, found)) < 1e-4
    assert scores(both.text()) == scores(alone.text()) and len(scores(both.text())) == 2
    assert both.text(1) == "", "rank 0 alone prints"
    assert "trained by 2 processes" in both.text()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_killed_rank_ends_the_others_and_is_named(run, corpus, tmp_path, lost):
    ranks = run(*by_hand(corpus, TINY, tmp_path / "out", "--epochs", "1000"), ranks=3)
    ranks.wait_for(lambda: "step 20 " in ranks.text())
    ranks.processes[lost].kill()
    begin = time.monotonic()
    status = ranks.wait(10)
    assert time.monotonic() - begin < 10 * PATIENCE
    assert status == [-9 if rank == lost else 1 for rank in range(3)]
    for rank in {0, 1, 2} - {lost}:
        assert f"rank {rank} of 3): rank {lost} of 3 was lost" in ranks.text(rank)


def test_sigterm_to_one_rank_stops_all_at_the_same_step(run, corpus, tmp_path):
    ranks = run(*by_hand(corpus, TINY, tmp_path / "out", "--epochs", "1000", "--keep", "last"), ranks=2)
    ranks.wait_for(lambda: "step 40 " in ranks.text())
    ranks.processes[1].send_signal(signal.SIGTERM)
    assert ranks.wait(10) == [143, 143], (ranks.text(0), ranks.text(1))
    assert re.search(r"stopped; wrote epoch \d+", ranks.text())


def test_what_one_rank_lacks_all_are_told(run, corpus, tmp_path):
    ranks = run("--base", TINY, "--output", tmp_path / "out", "--device", "cpu", ranks=2,
                of_rank=lambda rank: ["--train", corpus[1] if rank == 0 else tmp_path / "nowhere.conll"])
    assert ranks.wait(20) == [1, 1]
    assert "nowhere.conll" in ranks.text(1)
    assert "rank 1 of 2 failed" in ranks.text(0) and "nowhere.conll" in ranks.text(0)


def test_tasks_of_srun_need_no_more_than_where_to_meet(run, corpus, tmp_path):
    ranks = run(*by_hand(corpus, TINY, tmp_path / "out", "--epochs", "1"), ranks=2,
                names=("SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID"))
    assert ranks.wait() == [0, 0], ranks.text()
    assert "trained by 2 processes" in ranks.text()


@pytest.mark.skipif(not (pathlib.Path(sys.executable).parent / "torchrun").exists(), reason="no torchrun here")
def test_torchrun_starts_it(corpus, tmp_path):
    torchrun = pathlib.Path(sys.executable).parent / "torchrun"
    done = subprocess.run([torchrun, "--standalone", "--nproc-per-node", "2", "--no-python", TRAINER,
                           *by_hand(corpus, TINY, tmp_path / "out", "--epochs", "1")],
                          capture_output=True, text=True, timeout=120 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "trained by 2 processes" in done.stdout
    assert (tmp_path / "out" / "model.safetensors").exists()


def make_job(tmp_path, name, **options):
    folder = tmp_path / name
    folder.mkdir()
    job = {"base": str(TINY), "train": str(tmp_path / "train.conll"), "validation": str(tmp_path / "validation.conll"),
           "keep_state": True,
           "options": {"epochs": 60, "learning_rate": 1e-3, "device": "cpu", "threads": 1, "keep": "last", **options}}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    return folder


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_job_goes_on_from_its_last_epoch(run, corpus, tmp_path, ranks):
    whole = make_job(tmp_path, "whole")
    assert run("--job", whole, ranks=ranks).wait() == [0] * ranks
    broken = make_job(tmp_path, "broken")
    for least in (3, 9):
        trainers = run("--job", broken, ranks=ranks)
        trainers.wait_for(lambda: (broken / "events.log").exists() and any(
            e["type"] == "epoch" and e["epoch"] >= least for e in events(broken)))
        trainers.processes[-1].kill()
        trainers.wait(10)
        assert (broken / "state").exists()
    assert run("--job", broken, ranks=ranks).wait() == [0] * ranks
    assert (broken / "checkpoint/model.safetensors").read_bytes() == (whole / "checkpoint/model.safetensors").read_bytes()
    assert (broken / "checkpoint/fintag.json").read_bytes() == (whole / "checkpoint/fintag.json").read_bytes()
    story = events(broken)
    assert [e["sequence"] for e in story] == list(range(1, len(story) + 1))
    epochs = [e for e in story if e["type"] == "epoch"]
    assert [e["epoch"] for e in epochs] == list(range(1, 61))
    for ours, theirs in itertools.zip_longest(epochs, (e for e in events(whole) if e["type"] == "epoch")):
        for field in ("train_loss", "validation_loss", "scores", "best"):
            assert ours[field] == theirs[field]
    assert story[-1]["type"] == "finished" and (broken / "state").exists(), "the server removes it"
    lost = [e for e in story if e["type"] == "failed"]
    assert len(lost) == (2 if ranks == 2 else 0)
    assert all(e["code"] == "UNAVAILABLE" and e["reason"].startswith("rank 1 of 2 was lost") for e in lost)


def test_a_run_by_hand_goes_on_where_it_is_told_to_keep_its_state(run, corpus, tmp_path):
    options = ["--epochs", "20", "--keep", "last"]
    assert run(*by_hand(corpus, TINY, tmp_path / "whole", *options)).wait() == [0]
    command = by_hand(corpus, TINY, tmp_path / "out", *options, "--state", tmp_path / "state")
    stopped = run(*command)
    stopped.wait_for(lambda: len(scores(stopped.text())) >= 3)
    stopped.processes[0].send_signal(signal.SIGTERM)
    assert stopped.wait() == [143]
    assert (tmp_path / "state").exists(), stopped.text()
    again = run(*command)
    assert again.wait() == [0]
    assert len(scores(again.text())) == 20, "its table has the earlier epochs too"
    assert (tmp_path / "out/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert not (tmp_path / "state").exists()
