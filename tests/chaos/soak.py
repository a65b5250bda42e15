"""Minutes of steady load, to see whether memory, descriptors, threads and latencies stay level (CHAOS.md).

    soak.py --bin FOLDER --base FOLDER [--minutes 30] [--share 0.8] [--json FILE]
Exit status 1 if memory or descriptors grow past the bounds over the second half.
"""
import argparse
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from process import Fintagd

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/data/corpus"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of fintagd, fintag-train and fintag")
    parser.add_argument("--base", type=pathlib.Path, required=True, help="checkpoint folder of an encoder")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.8, help="of the measured capacity")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    parser.add_argument("--most-memory", type=float, default=32, metavar="MIB",
                        help="resident memory may grow so much over the second half (default 32)")
    parser.add_argument("--most-descriptors", type=float, default=8, metavar="N", help="descriptors alike (default 8)")
    return parser.parse_args()


class Samples(threading.Thread):
    """Each second what the process holds: (time, resident MiB, descriptors, threads)."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.process, self.taken, self.stopped = pathlib.Path(f"/proc/{pid}"), [], threading.Event()

    def run(self):
        while not self.stopped.wait(1):
            status = dict(line.split(":", 1) for line in (self.process / "status").read_text().splitlines())
            self.taken.append((time.monotonic(), int(status["VmRSS"].split()[0]) / 1024,
                               len(list((self.process / "fd").iterdir())), int(status["Threads"])))

    def minute(self, start):
        """Medians since `start`."""
        since = [values for values in self.taken if values[0] >= start]
        return [statistics.median(column) for column in list(zip(*since))[1:]]

    def growth(self, column):
        """Over the second half, by the straight line that fits it best: one moment says little."""
        half = self.taken[len(self.taken) // 2:]
        times = [values[0] for values in half]
        line = statistics.linear_regression(times, [values[column] for values in half])
        return line.slope * (times[-1] - times[0])


def soak(options, server):
    def fintag(*words):
        program = [options.bin / "fintag", "--server", f"127.0.0.1:{server.port}", "--json"]
        done = subprocess.run([*program, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"fintag {' '.join(map(str, words))}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    fintag("models", "import", "base", "--from", options.base)
    fintag("datasets", "upload", "corpus", "--train", CORPUS / "train.conll", "--validation",
           CORPUS / "validation.conll")
    job = fintag("jobs", "submit", "--dataset", "corpus", "--base", "base", "--model", "tagger", "--epochs", 1)
    while (state := fintag("jobs", "show", job["name"].removeprefix("jobs/"))["state"]).removeprefix(
            "JOB_STATE_") not in ("SUCCEEDED", "FAILED"):
        time.sleep(0.5)
    if not state.endswith("SUCCEEDED"):
        sys.exit(f"the tagger was not trained: {state}")
    capacity = fintag("bench", "--model", "tagger", "--clients", 32, "--duration", 15)["requests_per_second"]
    rate = capacity * options.share
    print(f"capacity {capacity:.0f} requests a second; {options.minutes} minutes at {rate:.0f}\n"
          "minute  resident MiB  descriptors  threads  p50 ms  p99 ms  requests  errors", flush=True)
    samples, minutes = Samples(server.process.pid), []
    samples.start()
    for minute in range(1, options.minutes + 1):
        start = time.monotonic()
        run = fintag("bench", "--model", "tagger", "--rate", f"{rate:.3f}", "--duration", 60, "--warm-up", 0,
                     "--seed", minute)
        memory, descriptors, threads = samples.minute(start)
        minutes.append({"minute": minute, "resident_mib": round(memory, 1), "descriptors": descriptors,
                        "threads": threads, "p50_ms": run["latency_ms"]["p50"], "p99_ms": run["latency_ms"]["p99"],
                        "requests": run["requests"], "errors": run["errors"], "not_sent": run["not_sent"]})
        print(f"{minute:6} {memory:13.1f} {descriptors:12.0f} {threads:8.0f} {run['latency_ms']['p50']:7.2f} "
              f"{run['latency_ms']['p99']:7.2f} {run['requests']:9} {sum(run['errors'].values()):7}", flush=True)
    samples.stopped.set()
    samples.join()
    latencies = [figures["p99_ms"] for figures in minutes]
    halves = latencies[:len(latencies) // 2] or latencies, latencies[len(latencies) // 2:]
    return {"capacity": capacity, "rate": rate, "minutes": minutes, "p99_ms_of_halves": list(
        map(statistics.median, halves)), "second_half": {
        "resident_mib_grown": round(samples.growth(1), 2), "most_memory_mib": options.most_memory,
        "descriptors_grown": round(samples.growth(2), 2), "most_descriptors": options.most_descriptors}}


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="fintag-soak-") as folder:
        folder = pathlib.Path(folder)
        server = Fintagd(options.bin, folder / "data", folder / "fintagd.log")
        if words := server.start():
            sys.exit(words)
        try:
            figures = soak(options, server)
        finally:
            server.end(signal.SIGTERM)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    first, second = figures["p99_ms_of_halves"]
    print(f"median p99: first half {first:.1f} ms, second half {second:.1f} ms")
    grown = figures["second_half"]
    print(f"second half: memory {grown['resident_mib_grown']:+.2f} MiB (bound {options.most_memory:g}), descriptors "
          f"{grown['descriptors_grown']:+.2f} (bound {options.most_descriptors:g})")
    level = (grown["resident_mib_grown"] <= options.most_memory and
             grown["descriptors_grown"] <= options.most_descriptors)
    print("level" if level else "it grows")
    return 0 if level else 1


if __name__ == "__main__":
    sys.exit(main())
