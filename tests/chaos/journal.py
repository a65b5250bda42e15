"""What the clients were told: the record that the server is held to afterwards."""
import collections
import dataclasses
import enum
import queue
import threading
import time


class Presence(enum.Enum):
    THERE = "there"    # its making was acknowledged
    GONE = "gone"      # its removal was acknowledged, or its making was refused
    EITHER = "either"  # the answer that would tell never came


@dataclasses.dataclass
class Dataset:
    name: str
    train: bytes
    validation: list  # sentences
    made: bool = False  # its making was acknowledged, whatever came later
    presence: Presence = Presence.EITHER

    @property
    def id(self):
        return self.name.removeprefix("datasets/")


@dataclasses.dataclass
class Import:
    model_id: str
    files: dict
    weights_sha256: str
    request_id: str
    name: str = ""  # of the version, once known
    made: bool = False
    presence: Presence = Presence.EITHER


@dataclasses.dataclass
class Job:
    spec: object  # its seed is like no other's
    request_id: str
    dataset: Dataset
    long: bool
    name: str = ""
    made: bool = False
    presence: Presence = Presence.EITHER
    cancelled: bool = False  # a cancel was acknowledged
    cancel_in_doubt: bool = False
    final_state: int = 0  # as first seen
    version: Presence = Presence.THERE  # of the model version it made, if it made one
    events: list = dataclasses.field(default_factory=list)  # as its watcher got them


@dataclasses.dataclass
class Fault:
    kind: str
    start: float
    end: float = 0.0
    about: str = ""


class Journal:
    """Filled by many threads; each resource is changed by its owner's thread alone."""

    def __init__(self):
        self.datasets, self.imports, self.jobs = [], [], []
        self.faults = []
        self.counts = collections.Counter()  # (what, how it ended)
        self.odd = []  # (time, what, error): errors of the server's own making
        self.to_watch = queue.Queue()
        self._troubles, self._lock = [], threading.Lock()

    def count(self, what, end):
        with self._lock:
            self.counts[what, end] += 1

    def trouble(self, text):
        with self._lock:
            self._troubles.append(text)

    def troubles(self):
        with self._lock:
            return list(self._troubles)

    def begin(self, kind, about=""):
        fault = Fault(kind, time.time(), about=about)
        with self._lock:
            self.faults.append(fault)
        return fault

    def disk_was_full(self, start, end, slack=2.0):
        """Whether the disk was full at some moment between these."""
        return any(f.kind == "disk full" and f.start - slack <= end and start <= (f.end or time.time()) + slack
                   for f in self.faults)
