"""fintagd as the chaos has it: killed and started again and again, on the same folder and ports."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Fintagd:
    """One data folder and the server on it. What it says is appended to one log over all its lives."""

    def __init__(self, binaries, data, log, *options):
        self.program, self.data, self.log, self.options = binaries / "fintagd", data, log, options
        self.port, self.http = free_port(), free_port()
        self.process = None
        self.lock = threading.Lock()  # one starts or ends it at a time
        self.surprises = []  # how it ended when nobody had asked it to

    def start(self, patience=30):
        """Starts it and waits until it listens. Returns its last words if it does not."""
        with self.lock:
            said = self.log.stat().st_size if self.log.exists() else 0
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [self.program, "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}", "--metrics-listen",
                     f"127.0.0.1:{self.http}", *self.options], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                with open(self.log, "rb") as log:
                    log.seek(said)
                    words = log.read().decode(errors="replace")
                if re.search(r"\blistening\b", words):
                    return ""
                if self.process.poll() is not None:
                    return words or f"ended with {self.process.returncode}"
                time.sleep(0.02)
            self.process.kill()
            self.process.wait()
            return f"not listening after {patience} s: {words}"

    def end(self, number=signal.SIGKILL, patience=30):
        """Ends it and returns its exit status."""
        with self.lock:
            if self.process.poll() is not None:
                self.surprises.append(f"fintagd ended by itself with {self.process.returncode}")
                return self.process.returncode
            self.process.send_signal(number)
            return self.process.wait(patience)


def trainers(data):
    """The trainers of a data folder: {process number: id of its job}. Asked of the processes themselves: one that has
    only just been started has no pid file yet."""
    found = {}
    jobs = os.fsencode(f"{data.resolve()}/jobs/")
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if b"fintag-train" in line[0] and len(line) > 2 and line[2].startswith(jobs):
            found[int(process.name)] = line[2].removeprefix(jobs).decode()
    return found
