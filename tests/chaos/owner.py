"""Clients that make, use and delete datasets, models and jobs of their own, and ask whether they are there."""
import grpc
import tiny
from api import End
from client import Client
from e2e import sha256
from fintag.v1 import dataset_pb2, model_pb2, training_pb2
from journal import Dataset, Import, Job, Presence

FINAL = {training_pb2.JOB_STATE_CANCELLED, training_pb2.JOB_STATE_SUCCEEDED, training_pb2.JOB_STATE_FAILED}
NO_ROOM, NOT_FOUND, NOT_NOW = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.NOT_FOUND,
                               grpc.StatusCode.FAILED_PRECONDITION)
MOST_UNFINISHED = 3
LONG_EPOCHS = 1000


class Owner(Client):
    """Everything that is changed here is changed by this thread alone, so what must be there is known."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.datasets, self.imports, self.jobs = [], [], []
        self.made = 0
        self.actions = [(self.submit, 8), (self.look, 8), (self.list, 4), (self.upload, 3), (self.import_model, 3),
                        (self.cancel, 3), (self.delete_job, 1), (self.delete_dataset, 1), (self.delete_import, 1),
                        (self.delete_version, 1), (self.export, 1)]

    def act(self):
        actions, weights = zip(*self.actions)
        self.rng.choices(actions, weights)[0]()
        self.pause(0.02, 0.25)

    def next_id(self, kind):
        self.made += 1
        return f"{kind}-{self.name}-{self.made}"

    def pick(self, resources):
        found = [r for r in resources if r.presence is Presence.THERE]
        return self.rng.choice(found) if found else None

    def make(self, what, resource, call):
        """Settles a call that makes `resource`."""
        end, answer, doubted = self.settle(what, call)
        if end is End.DONE:
            resource.presence, resource.made, resource.name = Presence.THERE, True, answer.name
        elif end is End.REFUSED:
            if answer.code() is not NO_ROOM:
                self.journal.trouble(f"{what} was refused: {answer.code()} {answer.details()}")
            if not doubted:
                resource.presence = Presence.GONE
        return answer if end is End.DONE else None

    def remove(self, what, call, may_be_needed=False):
        """Settles a call that removes something: what is known of it then, or None for as before."""
        end, answer, doubted = self.settle(what, call)
        if end is End.DONE:
            return Presence.GONE
        if end is End.DOUBT:
            return Presence.EITHER
        if answer.code() is NOT_FOUND and doubted:
            return Presence.GONE
        if not (answer.code() is NO_ROOM or (answer.code() is NOT_NOW and may_be_needed)):
            self.journal.trouble(f"{what} was refused: {answer.code()} {answer.details()}")
        return Presence.EITHER if doubted else None

    def upload(self):
        sentences = tiny.corpus(self.rng.random(), self.rng.randint(60, 120))
        dataset = Dataset(f"datasets/{self.next_id('d')}", tiny.conll(sentences), tiny.corpus(self.rng.random(), 40))
        self.datasets.append(dataset)
        self.journal.datasets.append(dataset)
        self.make("upload", dataset, lambda: self.api.upload(dataset.id, dataset.train, tiny.conll(dataset.validation)))

    def import_model(self):
        files = tiny.checkpoint(self.rng.randrange(1 << 30))
        before = self.pick(self.imports)
        again = before is not None and self.rng.random() < 0.3  # another version of a model that is there
        model = Import(before.model_id if again else self.next_id("m"), files, sha256(files["model.safetensors"]),
                       f"import {self.name} {self.made} {self.rng.random()}")
        self.imports.append(model)
        self.journal.imports.append(model)

        def call():
            return self.api.import_model(model.model_id, files, model.request_id)
        if self.make("import", model, call) is not None and self.rng.random() < 0.3:
            end, answer = self.attempt("import again", call)
            if end is End.DONE and answer.name != model.name:
                self.journal.trouble(f"{model.request_id} made {model.name} and {answer.name}")

    def submit(self):
        dataset, base = self.pick(self.datasets), self.pick(self.imports)
        unfinished = [j for j in self.jobs if j.presence is not Presence.GONE and not j.final_state]
        if dataset is None or base is None or len(unfinished) >= MOST_UNFINISHED:
            return
        long = self.rng.random() < 0.25
        self.made += 1
        job = Job(training_pb2.JobSpec(
            dataset=dataset.name, base=base.name, model=f"models/t-{self.name}-{self.made // 5}",
            options=training_pb2.TrainingOptions(
                epochs=LONG_EPOCHS if long else self.rng.randint(2, 15), learning_rate=0.01, batch_sentences=16,
                seed=self.rng.randrange(1 << 48), threads=1)),
            f"job {self.name} {self.made}", dataset, long)
        self.jobs.append(job)
        self.journal.jobs.append(job)
        # The same request twice at once is one job.
        twin = None
        if self.rng.random() < 0.3:
            twin = self.api.jobs.CreateJob.future(
                training_pb2.CreateJobRequest(spec=job.spec, request_id=job.request_id), timeout=10)
        answer = self.make("submit", job, lambda: self.api.create_job(job.spec, job.request_id))
        if twin is not None:
            end, second = self.attempt("submit twice", twin.result)
            if end is End.DONE and job.presence is not Presence.THERE:
                job.presence, job.made, job.name = Presence.THERE, True, second.name
            elif end is End.DONE and second.name != job.name:
                self.journal.trouble(f"{job.request_id} made {job.name} and {second.name}")
            elif end is End.DOUBT and job.presence is Presence.GONE:
                job.presence = Presence.EITHER
        if answer is not None and self.rng.random() < 0.7:
            self.journal.to_watch.put(job)

    def look(self):
        """Asks for the state of a job: a final one stays."""
        job = self.pick(self.jobs)
        if job is None:
            return
        end, answer = self.attempt("get job", lambda: self.api.job(job.name))
        if end is End.DONE:
            if job.final_state and answer.state != job.final_state:
                self.journal.trouble(f"{job.name} went from {job.final_state} to {answer.state}")
            if answer.state in FINAL:
                job.final_state = answer.state
        elif end is End.REFUSED and answer.code() is not NO_ROOM:
            self.journal.trouble(f"get {job.name}: {answer.code()} {answer.details()}")

    def list(self):
        """What is there is listed, what is gone is not."""
        kind, ours = self.rng.choice([("datasets", self.datasets), ("models", self.imports), ("jobs", self.jobs)])
        end, listed = self.attempt(f"list {kind}", lambda: self.api.list_all(kind))
        if end is not End.DONE:
            return
        if kind == "models":
            listed = {version.name for model in listed.values() for version in model.versions}
        for resource in ours:
            if resource.presence is Presence.THERE and resource.name not in listed:
                self.journal.trouble(f"{resource.name} is not listed")
            if resource.presence is Presence.GONE and resource.name and resource.name in listed:
                self.journal.trouble(f"{resource.name} is listed and was deleted")

    def cancel(self):
        jobs = [j for j in self.jobs if j.presence is Presence.THERE and not j.final_state]
        if not jobs:
            return
        job = max(jobs, key=lambda j: (j.long, self.rng.random()))
        end, answer, doubted = self.settle(
            "cancel", lambda: self.api.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name), timeout=10))
        job.cancelled |= end is End.DONE
        job.cancel_in_doubt |= doubted or end is End.DOUBT
        if end is End.REFUSED and answer.code() not in (NOT_NOW, NO_ROOM):
            self.journal.trouble(f"cancel {job.name}: {answer.code()} {answer.details()}")

    def delete_job(self):
        job = self.pick([j for j in self.jobs if j.final_state])
        if job is not None and self.rng.random() < 0.3:  # most are to be looked at afterwards
            job.presence = self.remove("delete job", lambda: self.api.jobs.DeleteJob(
                training_pb2.DeleteJobRequest(name=job.name), timeout=10)) or job.presence

    def delete_dataset(self):
        dataset = self.pick(self.datasets)
        if dataset is None:
            return
        needed = any(j.dataset is dataset and not j.final_state for j in self.jobs)
        dataset.presence = self.remove("delete dataset", lambda: self.api.datasets.DeleteDataset(
            dataset_pb2.DeleteDatasetRequest(name=dataset.name), timeout=10), needed) or dataset.presence

    def delete_import(self):
        """One imported version."""
        model = self.pick(self.imports)
        if model is None:
            return
        needed = any(j.spec.base == model.name and not j.final_state for j in self.jobs)
        model.presence = self.remove("delete model", lambda: self.api.models.DeleteModel(
            model_pb2.DeleteModelRequest(name=model.name), timeout=10), needed) or model.presence

    def delete_version(self):
        """What a finished job made."""
        job = self.pick([j for j in self.jobs if j.final_state == training_pb2.JOB_STATE_SUCCEEDED
                         and j.version is Presence.THERE])
        if job is None:
            return
        end, answer = self.attempt("get job", lambda: self.api.job(job.name))
        if end is not End.DONE:
            return
        if not answer.model_version:
            self.journal.trouble(f"{job.name} succeeded without a model version")
            return
        job.version = self.remove("delete model", lambda: self.api.models.DeleteModel(
            model_pb2.DeleteModelRequest(name=answer.model_version), timeout=10)) or job.version

    def export(self):
        model = self.pick(self.imports)
        if model is None:
            return
        end, files = self.attempt("export", lambda: self.api.export_model(model.name))
        if end is End.DONE and files != model.files:
            self.journal.trouble(f"{model.name} is exported with other content than it was imported with")

