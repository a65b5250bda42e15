"""Clients work while everything breaks; afterwards nothing that was acknowledged may be lost (CHAOS.md)."""
import json
import os
import random
import time

import grpc
import tiny
from api import PATIENCE, Api
from checks import Checks, settle_doubts
from e2e import BIN, sha256
from faults import DiskFills, NetworkBreaks, ServerDies, TrainerDies, start
from fintag.v1 import training_pb2
from journal import Dataset, Import, Job, Journal, Presence
from owner import FINAL, Owner
from process import Fintagd, trainers
from proxy import Proxy
from readers import Tagger, Watcher

SECONDS = float(os.environ.get("FINTAG_CHAOS_SECONDS", "90"))
SEED = int(os.environ.get("FINTAG_CHAOS_SEED", "0")) or random.randrange(1, 1 << 31)
OWNERS, WATCHERS, TAGGERS = 4, 3, 2


def prepare(journal, api):
    """A base, a dataset and a tagger that stay. Returns the tagger's version and the tags that it gives."""
    files = tiny.checkpoint(SEED)
    base = Import("base", files, sha256(files["model.safetensors"]), "base")
    base.name = api.import_model("base", files, "base").name
    dataset = Dataset("datasets/stable", tiny.conll(tiny.corpus(SEED, 120)), tiny.corpus(SEED + 1, 40))
    api.upload("stable", dataset.train, tiny.conll(dataset.validation))
    spec = training_pb2.JobSpec(dataset=dataset.name, base=base.name, model="models/stable", options=(
        training_pb2.TrainingOptions(epochs=20, learning_rate=0.01, seed=1, threads=1)))
    job = Job(spec, "stable", dataset, False, api.create_job(spec, "stable").name)
    job.events = list(api.watch(job.name))
    model = api.job(job.name).model_version
    assert model, job.events[-1]
    for made, journaled in [(base, journal.imports), (dataset, journal.datasets), (job, journal.jobs)]:
        made.made, made.presence = True, Presence.THERE
        journaled.append(made)
    return model, dataset.validation, api.tag(model, dataset.validation)


def wait_for_ends(journal, api, data):
    """Jobs that would go on for long are cancelled, the others run to their ends."""
    for job in journal.jobs:
        if not job.long or job.cancelled or job.presence is Presence.GONE or not job.name:
            continue
        try:
            api.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name), timeout=PATIENCE)
            job.cancelled = True
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION), error
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if all(job.state in FINAL for job in api.list_all("jobs").values()) and not trainers(data):
            return
        time.sleep(0.2)


def end_of_watches(journal, watchers):
    """All jobs have ended, so watchers come to their ends as well."""
    deadline = time.monotonic() + 120
    while journal.to_watch.unfinished_tasks and time.monotonic() < deadline:
        time.sleep(0.1)
    for watcher in watchers:
        watcher.stopped.set()
        watcher.join(90)
        assert not watcher.is_alive(), f"{watcher.name} hangs"


def run(journal, server, proxy, filler, known):
    """The chaos itself. Returns watchers, for what they have not seen yet."""
    clients = [Owner(f"owner{i}", journal, proxy.port, SEED) for i in range(OWNERS)]
    watchers = [Watcher(f"watcher{i}", journal, proxy.port, SEED) for i in range(WATCHERS)]
    clients += [Tagger(f"tagger{i}", journal, proxy.port, SEED, *known) for i in range(TAGGERS)]
    faults = [ServerDies(journal, SEED, server, (3, 12)), TrainerDies(journal, SEED, server.data, (0.5, 6)),
              NetworkBreaks(journal, SEED, proxy, (1, 6))]
    if filler is not None:
        faults.append(DiskFills(journal, SEED, filler, (4, 16)))
    for thread in [*clients, *watchers, *faults]:
        thread.start()
    time.sleep(SECONDS)
    for threads in (faults, clients):
        for thread in threads:
            thread.stopped.set()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), f"{thread.name} hangs"
    return watchers


def report(journal, checks, server, started):
    print(json.dumps({
        "seed": SEED, "seconds": round(time.time() - started, 1),
        "faults": dict(sorted((kind, sum(f.kind == kind for f in journal.faults))
                              for kind in {f.kind for f in journal.faults})),
        "calls": {what: {end.value: journal.counts[what, end] for w, end in sorted(
            journal.counts, key=str) if w == what} for what in sorted({w for w, _ in journal.counts})},
        "checked": dict(sorted(checks.counts.items())), "log": str(server.log)}, indent=1))


def test_nothing_that_was_acknowledged_is_lost(disk, tmp_path):
    folder, filler = disk
    print(f"\nFINTAG_CHAOS_SEED={SEED} FINTAG_CHAOS_SECONDS={SECONDS:g}")
    started, journal = time.time(), Journal()
    data = folder / "data"
    # Of odd seeds a killed trainer is started again once.
    server = Fintagd(BIN, data, tmp_path / "fintagd.log", "--precision", "fp32", "--threads", "1",
                     "--max-running-jobs", "3", "--max-restarts", str(SEED % 2))
    assert not server.start()
    proxy = Proxy(server.port, SEED)
    try:
        direct = Api(server.port)
        watchers = run(journal, server, proxy, filler, prepare(journal, direct))
        # Faults are off. One more kill, and the last start.
        server.end()
        start(server, journal)
        direct = Api(server.port)
        settle_doubts(journal, direct)
        wait_for_ends(journal, direct, data)
        end_of_watches(journal, watchers)
        checks = Checks(journal, direct)
        for check in (checks.datasets, checks.imports, checks.jobs, checks.scores, checks.errors):
            check()
        names = checks.names()
        assert server.end(15) == 0, "fintagd did not stop well"
        checks.files(data, names)
        checks.log(server.log.read_text(errors="replace").splitlines())
        report(journal, checks, server, started)
    finally:
        proxy.close()
        if server.process.poll() is None:
            server.end()
    wrong = journal.troubles() + server.surprises + checks.wrong
    assert not wrong, f"seed {SEED}, {len(wrong)} troubles:\n" + "\n".join(map(str, wrong[:50]))
    happened = {f.kind for f in journal.faults}
    expected = {"server killed", "trainer killed", "network dropped", "network delayed", "network cut",
                "network narrow"} | ({"disk full"} if filler else set())
    assert happened >= expected, f"too short: only {sorted(happened)} happened"
    assert proxy.cuts > 0, "no connection was cut in the middle"
