"""Plays some minutes of a server's life - callers of changing number, jobs that succeed, fail and are cancelled - and
draws the dashboards of that time into deploy/grafana/preview.

  FINTAG_BIN=build/release/bin FINTAG_TEST_BASE=... python record_previews.py [--minutes 8]
"""
import argparse
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import conftest

conftest.load_servers()
from e2e import BASE, CORPUS, ROOT, Server, end_trainers, sentences, wait_for  # noqa: E402  made importable just now
from stage import Callers, PrometheusProcess  # noqa: E402

INTERVAL = 2  # seconds between scrapes


def play_load(server, until):
    """Callers come and go in waves; some ask for a model that is not there."""
    start = time.monotonic()
    while time.monotonic() < until:
        wave = 1 + round(2.5 * (1 - math.cos((time.monotonic() - start) / 25)))
        with Callers(server, threads=wave, pause=0.4, most_texts=3 + wave) as callers:
            time.sleep(min(8, max(0.1, until - time.monotonic())))
            if wave > 4:
                callers.ask(["Nobody's model."], model="models/none")


def id_of(job):
    return job.name.removeprefix("jobs/")


def has_epoch(server, job):
    return server.metric(f'fintag_training_epoch{{job="{id_of(job)}"}}')


def run_to_end(server, until, **options):
    """Waits for the job's end or the time's, and returns the job."""
    job = server.submit(**options)
    while time.monotonic() < until and not server.job(job.name).HasField("end_time"):
        time.sleep(1)
    return job


def play_jobs(server, until):
    """One job fails, one is cancelled, then jobs that succeed, until the time is up. Returns these jobs' ids."""
    from fintag.v1 import training_pb2 as pb

    killed = server.submit(dataset="part", epochs=100)
    wait_for(lambda: has_epoch(server, killed), 120, "an epoch")
    pid = (server.data / "jobs" / id_of(killed) / "trainer.pid").read_text(encoding="utf-8")
    os.killpg(int(pid), signal.SIGKILL)
    cancelled = server.submit(dataset="part", epochs=100)
    wait_for(lambda: has_epoch(server, cancelled), 120, "an epoch")
    server.jobs.CancelJob(pb.CancelJobRequest(name=cancelled.name))
    shown = []
    while until - time.monotonic() > 40:
        shown.append(id_of(run_to_end(server, until, dataset="corpus", epochs=8, seed=len(shown))))
    return shown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=8)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        server = Server(data, "--threads", "1")
        prometheus = PrometheusProcess(pathlib.Path(folder) / "prometheus", server.http.removeprefix("http://"),
                                       INTERVAL)
        try:
            server.import_model("base", BASE)
            train, validation = CORPUS / "train.conll", CORPUS / "validation.conll"
            server.upload("part", sentences(train, 120), sentences(validation, 40))
            server.upload("corpus", sentences(train, 200), sentences(validation, 60))
            run_to_end(server, time.monotonic() + 240, dataset="part", epochs=4)  # so that there is a tagger
            until = time.monotonic() + 60 * minutes
            load = threading.Thread(target=play_load, args=(server, until))
            load.start()
            jobs = play_jobs(server, until)
            load.join()
            subprocess.run([sys.executable, ROOT / "deploy/grafana/preview.py", "--prometheus", prometheus.address,
                            "--minutes", str((time.time() - prometheus.start) / 60), "--rate-seconds", "20",
                            "--choose", f"job={'|'.join(jobs)}"], check=True)
        finally:
            server.stop()
            prometheus.stop()
            end_trainers(data)


if __name__ == "__main__":
    main()
