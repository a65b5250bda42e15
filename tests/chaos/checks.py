"""Afterwards: whether everything that was acknowledged is there, once, and consistent."""
import collections
import hashlib
import re
import sqlite3

import grpc
import seqeval.metrics
import tiny
import tree
from api import End, end_of
from fintag.v1 import dataset_pb2, training_pb2
from journal import Presence
from owner import FINAL
from process import trainers
from readers import is_final

State = training_pb2.JobState
# Why a trainer whose disk was full, or that was killed, or whose server was, may say that it failed.
NO_ROOM = re.compile("No space left|disk is full|disk full|is full|Bus error|SIGBUS", re.IGNORECASE)


class Checks:
    """Each check adds what it finds wrong to `wrong` and counts what it looked at."""

    def __init__(self, journal, api):
        self.journal, self.api = journal, api
        self.wrong, self.counts = [], collections.Counter()
        self.listed = {kind: api.list_all(kind) for kind in ("datasets", "models", "jobs")}
        self.versions = {v.name: v for m in self.listed["models"].values() for v in m.versions}
        self.by_seed = collections.defaultdict(list)
        for job in self.listed["jobs"].values():
            self.by_seed[job.spec.options.seed].append(job)

    def expect(self, holds, text):
        if not holds:
            self.wrong.append(text)

    def presence(self, what, presence, found):
        """`found`: how many there are."""
        allowed = {Presence.THERE: {1}, Presence.GONE: {0}, Presence.EITHER: {0, 1}}[presence]
        self.counts[f"{what}, {presence.value}"] += 1
        return found in allowed

    def datasets(self):
        for dataset in self.journal.datasets:
            found = self.listed["datasets"].get(dataset.name)
            self.expect(self.presence("dataset", dataset.presence, int(found is not None)),
                        f"{dataset.name} should be {dataset.presence.value}")
            if found is not None:
                full = self.api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=dataset.name))
                self.expect(full == found and full.train.sha256 == hashlib.sha256(dataset.train).hexdigest() and
                            full.validation.sentences == len(dataset.validation), f"{dataset.name} is another one")

    def imports(self):
        made = collections.Counter((name.split("/")[1], version.weights_sha256)
                                   for name, version in self.versions.items() if not version.job)
        for model in self.journal.imports:
            found = made.pop((model.model_id, model.weights_sha256), 0)
            self.expect(self.presence("import", model.presence, found),
                        f"{model.request_id} should be {model.presence.value} and is there {found} times")
            if found and model.presence is Presence.THERE:
                self.expect(model.name in self.versions, f"{model.name} has another number now")
                self.expect(self.api.export_model(model.name) == model.files, f"{model.name} has other content")
        self.expect(not made, f"nobody imported {list(made)}")

    def jobs(self):
        of_job = collections.defaultdict(list)
        for version in self.versions.values():
            if version.job:
                of_job[version.job].append(version)
        known = {job.name for job in [*self.journal.jobs, *self.listed["jobs"].values()]}
        for job in self.journal.jobs:
            found = self.by_seed.pop(job.spec.options.seed, [])
            self.expect(self.presence("job", job.presence, len(found)),
                        f"{job.request_id} should be {job.presence.value} and is {[j.name for j in found]}")
            if job.name:
                self.expect(len(of_job[job.name]) <= 1, f"{job.name} made {[v.name for v in of_job[job.name]]}")
                self.expect(job.version is not Presence.GONE or not of_job[job.name],
                            f"the version that {job.name} made was deleted and is there")
            for there in found:
                self.expect(not job.name or there.name == job.name, f"{job.name} is {there.name} now")
                self.one_job(job, self.api.job(there.name), of_job[there.name])
        self.expect(not set(of_job) - known, f"nobody submitted the jobs of the versions {dict(of_job)}")
        self.expect(not self.by_seed, f"nobody submitted {[[j.name for j in jobs] for jobs in self.by_seed.values()]}")

    def one_job(self, ours, job, versions):
        name = job.name
        self.counts[f"job, {State.Name(job.state).removeprefix('JOB_STATE_')}"] += 1
        self.expect(job.state in FINAL, f"{name} is not in a final state")
        self.expect(not ours.cancelled or job.state == State.JOB_STATE_CANCELLED, f"{name} was cancelled and is {job}")
        self.expect(not ours.final_state or job.state == ours.final_state, f"{name} was {ours.final_state}, is {job}")
        if job.state == State.JOB_STATE_CANCELLED:
            self.expect(ours.cancelled or ours.cancel_in_doubt, f"nobody cancelled {name}")
        if job.state == State.JOB_STATE_FAILED:
            self.failure(job)
        self.expect(job.state != State.JOB_STATE_SUCCEEDED or job.model_version, f"{name} has no model version")
        if ours.version is Presence.THERE:
            self.expect([v.name for v in versions] == ([job.model_version] if job.model_version else []),
                        f"{name} says {job.model_version!r}, the models {[v.name for v in versions]}")
        events = list(self.api.watch(name))
        self.counts["events replayed"] += len(events)
        self.expect([e.sequence for e in events] == list(range(1, len(events) + 1)), f"{name}: events have gaps")
        self.expect(job.last_sequence == len(events), f"{name}: last_sequence {job.last_sequence} of {len(events)}")
        last = events[-1]
        self.expect(is_final(last) and last.state_changed.state == job.state and
                    last.state_changed.model_version == job.model_version and
                    last.state_changed.reason == job.failure_reason, f"{name} is {job}, its last event {last}")
        self.expect(sum(map(is_final, events)) == 1, f"{name} has more than one final event")
        epochs = [e.epoch_finished.epoch for e in events if e.WhichOneof("event") == "epoch_finished"]
        self.expect(epochs == [e.epoch for e in job.epochs] == list(range(1, len(epochs) + 1)),
                    f"{name}: epochs {[e.epoch for e in job.epochs]}, in its events {epochs}")
        if ours.events:
            self.counts["events compared with a watcher's"] += len(ours.events)
            self.expect(ours.events == events, f"{name}: a watcher had {len(ours.events)} events that differ from the "
                        f"replay of {len(events)}")

    def failure(self, job):
        """Only what was done to it explains a failed job."""
        killed = any(f.kind == "trainer killed" and f.about == job.name for f in self.journal.faults)
        full = self.journal.disk_was_full(job.create_time.seconds, job.end_time.seconds + 1)
        said = "signal 9" in job.failure_reason or "ended without a result" in job.failure_reason
        self.expect((killed and said) or (full and NO_ROOM.search(job.failure_reason)),
                    f"{job.name} failed for no reason of ours (killed: {killed}, full: {full}): {job.failure_reason}")
        self.counts["failed, " + ("no room" if NO_ROOM.search(job.failure_reason) else "killed")] += 1

    def scores(self):
        """Each model tags the validation part as its own evaluation says."""
        parts = {d.name: d.validation for d in self.journal.datasets}
        for version in self.versions.values():
            if not version.job or version.dataset not in parts:
                continue
            sentences = parts[version.dataset]
            try:
                tags = self.api.tag(version.name, sentences)
            except grpc.RpcError as error:
                self.expect(False, f"{version.name} does not tag: {error.code()} {error.details()}")
                continue
            f1 = seqeval.metrics.f1_score([tags for _, tags in sentences], tags, zero_division=0)
            self.counts["models that tag as they were evaluated"] += 1
            self.expect(abs(f1 - version.scores.micro.f1) < 5e-5,
                        f"{version.name} scores {f1:.4f}, its evaluation said {version.scores.micro.f1:.4f}")

    def names(self):
        """What is there, for the look at the files."""
        return {"dataset": set(self.listed["datasets"]), "model": set(self.listed["models"]),
                "version": set(self.versions), "job": set(self.listed["jobs"]),
                "failed_job": {j.name for j in self.listed["jobs"].values() if j.state == State.JOB_STATE_FAILED}}

    def files(self, data, names):
        """Of a server that has stopped."""
        self.wrong += tree.differences(data, names)
        self.expect(not trainers(data), f"trainers without a job: {trainers(data)}")
        store = sqlite3.connect(f"file:{data / 'fintag.db'}?mode=ro", uri=True)
        self.expect(store.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the store is damaged")
        self.expect(not store.execute("PRAGMA foreign_key_check").fetchall(), "the store's keys lead nowhere")
        store.close()

    def log(self, lines):
        """Errors in the server's log are those of a full disk."""
        for line in lines:
            found = re.match(r"(\S+) (\w+) ", line)
            if found and found[2] == "error":
                self.counts["error lines of a full disk"] += 1
                self.expect(NO_ROOM.search(line), f"the log says {line}")
            elif not found:
                self.expect(NO_ROOM.search(line), f"fintagd says {line}")

    def errors(self):
        """Errors of the server's own making, as clients saw them."""
        for what, error in self.journal.odd:
            self.expect(NO_ROOM.search(error.details() or ""), f"{what}: {error.code()} {error.details()}")


def settle_doubts(journal, api):
    """Asks again for what may or may not have been made, jobs and models with the same request_id: now there is an
    answer."""
    calls = [(job, lambda job=job: api.create_job(job.spec, job.request_id)) for job in journal.jobs]
    calls += [(model, lambda model=model: api.import_model(model.model_id, model.files, model.request_id))
              for model in journal.imports]
    calls += [(data, lambda data=data: api.upload(data.id, data.train, tiny.conll(data.validation)))
              for data in journal.datasets]
    for resource, call in calls:
        if resource.made or resource.presence is not Presence.EITHER:
            continue
        try:
            resource.name = call().name
            resource.presence = Presence.THERE
            journal.count("settled afterwards", End.DONE)
        except grpc.RpcError as error:
            # What it needs may be deleted by now.
            journal.count("settled afterwards", end_of(error))
