"""What goes wrong: threads that break one thing each, at moments that come from the seed, and mend it again."""
import os
import random
import signal
import threading
import time
import traceback

from process import trainers


class Fault(threading.Thread):
    """Calls strike() again and again, with a time of quiet before each; whatever happens, mended at the end."""

    def __init__(self, name, journal, seed, quiet):
        super().__init__(name=name, daemon=True)
        self.journal, self.quiet = journal, quiet
        self.rng = random.Random(f"{seed}/{name}")
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(self.rng.uniform(*self.quiet)):
            try:
                self.strike()
            except Exception:
                self.journal.trouble(f"{self.name}: {traceback.format_exc()}")

    def strike(self):
        raise NotImplementedError


class ServerDies(Fault):
    """kill -9, and a new server on the same folder. It must come up, unless there is no room on its disk."""

    def __init__(self, journal, seed, server, quiet):
        super().__init__("server dies", journal, seed, quiet)
        self.server = server

    def strike(self):
        if self.rng.random() < 0.5:
            self.wait_for_trainers()
        fault = self.journal.begin("server killed")
        self.server.end()
        self.stopped.wait(self.rng.uniform(0, 1.5))
        start(self.server, self.journal)
        fault.end = time.time()

    def wait_for_trainers(self):
        """Until just after one has come or gone: the server writes most then."""
        before, until = set(trainers(self.server.data)), time.monotonic() + 3
        while set(trainers(self.server.data)) == before and time.monotonic() < until:
            if self.stopped.wait(0.01):
                return
        self.stopped.wait(self.rng.uniform(0, 0.08))


def start(server, journal):
    while words := server.start():
        if not journal.disk_was_full(time.time() - 1, time.time()):
            journal.trouble(f"fintagd does not start again: {words}")
            raise RuntimeError(words)
        time.sleep(0.3)


class TrainerDies(Fault):
    """kill -9 of one that runs. Fault.about is its job."""

    def __init__(self, journal, seed, data, quiet):
        super().__init__("trainer dies", journal, seed, quiet)
        self.data = data

    def strike(self):
        found = sorted(trainers(self.data).items())
        if not found:
            return
        number, job = self.rng.choice(found)
        fault = self.journal.begin("trainer killed", f"jobs/{job}")
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            fault.kind = "trainer missed"  # it ended meanwhile
        fault.end = time.time()


class DiskFills(Fault):
    """To the last byte, or nearly, or to the last file; what is freed meanwhile is taken as well."""

    def __init__(self, journal, seed, filler, quiet):
        super().__init__("disk fills", journal, seed, quiet)
        self.filler, self.spares = filler, []

    def strike(self):
        fault = self.journal.begin("disk full")
        if not self.spares:
            self.spares = [None, 0, 1 << 14, 1 << 18]  # None: to the last file
            self.rng.shuffle(self.spares)
        spare = self.spares.pop()
        until = time.monotonic() + self.rng.uniform(0.5, 3)
        try:
            while time.monotonic() < until and not self.stopped.is_set():
                if spare is None:
                    self.filler.grow_names()
                else:
                    self.filler.grow(spare)
                time.sleep(0.05)
        finally:
            self.filler.remove()
            fault.end = time.time()


class NetworkBreaks(Fault):
    """Each way in turn, in an order of its own."""

    def __init__(self, journal, seed, proxy, quiet):
        super().__init__("network breaks", journal, seed, quiet)
        self.proxy, self.ways = proxy, []

    def strike(self):
        if not self.ways:
            self.ways = ["dropped", "delayed", "cut", "narrow"]
            self.rng.shuffle(self.ways)
        way = self.ways.pop()
        fault = self.journal.begin(f"network {way}")
        if way == "dropped":
            self.proxy.drop()
        elif way == "delayed":
            self.proxy.delay(self.rng.uniform(0.02, 0.4))
        elif way == "cut":
            self.proxy.cut(self.rng.choice([300, 3000, 60000]))
        until = time.monotonic() + self.rng.uniform(0.5, 3)
        while time.monotonic() < until and not self.stopped.wait(0.2):
            if way == "narrow":
                self.proxy.halve()
        self.proxy.heal()
        fault.end = time.time()
