"""Clients that change nothing: they watch jobs, and tag with a model whose answers are known."""
import queue
import time

import grpc
from api import End, tag_request
from client import Client
from fintag.v1 import tagging_pb2
from journal import Presence


def is_final(event):
    from owner import FINAL
    return event.WhichOneof("event") == "state_changed" and event.state_changed.state in FINAL


class Watcher(Client):
    """Follows jobs one after the other to their ends, from where the connection broke."""

    def act(self):
        try:
            job = self.journal.to_watch.get(timeout=0.2)
        except queue.Empty:
            return
        while not self.stopped.is_set() and not self.follow(job):
            self.pause(0.05, 0.4)
        self.journal.to_watch.task_done()

    def follow(self, job):
        """Adds what comes to job.events. Returns whether nothing more is to come."""
        try:
            for event in self.api.watch(job.name, job.events[-1].sequence if job.events else 0):
                expected = job.events[-1].sequence + 1 if job.events else 1
                if event.sequence != expected:
                    self.journal.trouble(f"{job.name}: event {event.sequence} came in place of {expected}")
                job.events.append(event)
            self.journal.count("watch", End.DONE)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND and job.presence is not Presence.THERE:
                return True
            self.journal.count("watch", End.DOUBT)
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OUT_OF_RANGE):
                self.journal.trouble(f"watch {job.name} after {len(job.events)}: {error.code()} {error.details()}")
            return False
        return bool(job.events) and is_final(job.events[-1])


class Tagger(Client):
    """Tags with a model that stays: every answer is the right one."""

    def __init__(self, name, journal, port, seed, model, sentences, tags):
        super().__init__(name, journal, port, seed)
        self.model, self.sentences, self.tags = model, sentences, tags

    def act(self):
        if self.rng.random() < 0.7:
            self.tag()
        else:
            self.tag_stream()
        self.pause(0.01, 0.1)

    def some(self):
        return self.rng.sample(range(len(self.sentences)), self.rng.randint(1, 8))

    def check(self, chosen, response, what):
        got = [[word.tag for word in result.words] for result in response.results]
        if got != [self.tags[i] for i in chosen]:
            self.journal.trouble(f"{what} answered other tags than before")

    def tag(self):
        chosen = self.some()
        request = tag_request(self.model, [self.sentences[i] for i in chosen])
        end, answer = self.attempt("tag", lambda: self.api.tagging.Tag(request, timeout=10))
        if end is End.DONE:
            self.check(chosen, answer, "Tag")
        elif end is End.REFUSED and answer.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            self.journal.trouble(f"Tag: {answer.code()} {answer.details()}")

    def tag_stream(self):
        sent = [self.some() for _ in range(self.rng.randint(5, 30))]
        pace = self.rng.uniform(0, 0.05)

        def requests():
            for chosen in sent:
                time.sleep(pace)
                request = tag_request(self.model, [self.sentences[i] for i in chosen])
                yield tagging_pb2.TagStreamRequest(model=request.model, inputs=request.inputs, options=request.options)

        def read():
            answered = 0
            for answer in self.api.tagging.TagStream(requests(), timeout=30):
                answered += 1
                if answer.request != answered:
                    self.journal.trouble(f"TagStream answered {answer.request} in place of {answered}")
                if answer.WhichOneof("outcome") == "response":
                    self.check(sent[answered - 1], answer.response, "TagStream")
                elif answer.error.code not in (grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
                                               grpc.StatusCode.UNAVAILABLE.value[0]):
                    self.journal.trouble(f"TagStream: {answer.error}")
            return answered
        end, answer = self.attempt("tag stream", read)
        if end is End.DONE and answer != len(sent):
            self.journal.trouble(f"TagStream ended after {answer} of {len(sent)} answers")
