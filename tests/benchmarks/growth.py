"""Cost as the work grows: clients, text length, jobs in the store, watchers of one job, models in memory, threads,
sentences to train on.

Writes OUTPUT/growth.json after each part and draws growth.svg from it; --draw alone draws again. Started by growth.sh.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import measure
from corpus import sentences, write_texts
from servers import MODEL, data_folder, fintagd, memory, metric, started
from serving import FIRST_ANSWER, bench
from setting import Setting

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
WORDS = (10, 100, 1_000, 10_000, 100_000)
WATCHERS = (0, 100, 1_000)
JOBS = (1_000, 10_000, 100_000)
CALLS = 500  # of each method
MODELS = 20
SENTENCES = (1_000, 10_000, 100_000, 1_000_000)
FINTAG = ("--protocol", "fintag")


def stubs(setting):
    """The contract's Python stubs, made once."""
    root = pathlib.Path(__file__).resolve().parents[2] / "proto"
    out = setting.work / "stubs"
    out.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(p.relative_to(root)) for p in (root / "fintag/v1").glob("*.proto"))
    subprocess.run([setting.python, "-m", "grpc_tools.protoc", f"-I{root}", f"--python_out={out}",
                    f"--grpc_python_out={out}", *protos], check=True)
    sys.path.insert(0, str(out))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answered(setting, address, *load):
    """What the server answers a second of a load, by its own count, once its queue has filled up: of the requests that
    are due in a short time, those that wait in a full queue are answered after it. And what the load generator says."""
    fill = 5
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(bench, setting, address, FINTAG, *load, "--warm-up", 0, "--duration",
                              fill + 3 * setting.seconds + 1)
        time.sleep(fill)
        before, begin = metric(setting, "fintag_sentences_total"), time.monotonic()
        time.sleep(3 * setting.seconds)
        return (metric(setting, "fintag_sentences_total") - before) / (time.monotonic() - begin), running.result()


def clients(setting, checkpoint):
    """Closed loops of more and more clients, then more requests than it can do."""
    write_texts(setting.train, setting.work / "texts.txt")
    times = ("--warm-up", 1, "--duration", setting.seconds)
    rows, overload = [], []
    with fintagd(setting, checkpoint, ["--max-queue-tokens", 16384]) as (_, address, _):
        bench(setting, address, FINTAG, *FIRST_ANSWER)
        for count in CLIENTS:
            said = bench(setting, address, FINTAG, "--clients", count, *times)
            rows.append({"clients": count, "requests_per_second": said["requests_per_second"],
                         "p50_ms": said["latency_ms"]["p50"], "p99_ms": said["latency_ms"]["p99"],
                         "errors": said["errors"]})
        best = max(rows, key=lambda row: row["requests_per_second"])["clients"]
        for load in (0.5, 0.8, 1, 1.5, 2, 3):
            # Each beside the closed loop: the machine is not equally fast for minutes.
            closed, _ = answered(setting, address, "--clients", best)
            offered, said = answered(setting, address, "--rate", round(load * closed))
            overload.append({"load": load, "requests_per_second": offered, "share_of_closed_loop": offered / closed,
                             "p99_ms": said["latency_ms"]["p99"], "errors": said["errors"],
                             "refused_p99_ms": said["error_latency_ms"]["p99"]})
    return {"clients": rows, "overload": overload}


def text(setting, checkpoint):
    """One text of more and more words, alone."""
    words = [word for found, _ in sentences(setting.train) for word in found]
    rows = []
    with fintagd(setting, checkpoint, []) as (process, address, _):
        for count in WORDS:
            chosen = (words * (count // len(words) + 1))[:count]
            (setting.work / "texts.txt").write_text(" ".join(chosen) + "\n", encoding="utf-8")
            said = bench(setting, address, FINTAG, "--clients", 1, "--warm-up", 0, "--requests",
                         max(2, min(50, 20_000 // count)))
            rows.append({"words": count, "ms": said["latency_ms"]["p50"], "resident_mb": memory(process.pid, "VmRSS"),
                         "peak_mb": memory(process.pid, "VmHWM"), "errors": said["errors"]})
    return rows


def upload(setting, address):
    measure.run([setting.bin / "fintag", "--server", address, "datasets", "upload", "growth", "--train", setting.train,
                 "--validation", setting.validation], measure.environment(setting.threads), setting.log("fintag"))


def fill(data, job, count):
    """Copies of an ended job, rows and folders, until there are `count`. No server may run: the store is its own."""
    with contextlib.closing(sqlite3.connect(data / "fintag.db")) as store, store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(jobs)")
                   if row[1] not in ("position", "id", "request_id")]
        there = store.execute("SELECT count(*) FROM jobs WHERE id LIKE 'copy-%'").fetchone()[0]
        for number in range(there, count):
            name = f"copy-{number}"
            store.execute(f"INSERT INTO jobs (id, request_id, {', '.join(columns)}) "
                          f"SELECT ?, '', {', '.join(columns)} FROM jobs WHERE id = ?", (name, job))
            # Links, since nobody writes them again; a file takes some ten thousand.
            first = number == there or number % 10_000 == 0
            if first:
                source, put = data / "jobs" / job, shutil.copy
            (data / "jobs" / name).mkdir()
            for file in source.iterdir():
                if file.is_file():
                    put(file, data / "jobs" / name / file.name)
            if first:
                source, put = data / "jobs" / name, os.link


def calls(call):
    """Milliseconds of the median and of the 99th in a hundred of calls, one after the other."""
    times = []
    for number in range(CALLS):
        begin = time.monotonic()
        call(number)
        times.append(1000 * (time.monotonic() - begin))
    times.sort()
    return times[CALLS // 2], times[CALLS * 99 // 100]


def jobs(setting, checkpoint):
    """More and more jobs in the store, and calls one after the other while one of the two or more cores trains."""
    import grpc
    from fintag.v1 import training_pb2, training_pb2_grpc
    rows = []

    def serve(address):
        return training_pb2_grpc.TrainingServiceStub(grpc.insecure_channel(address))

    spec = training_pb2.JobSpec(dataset="datasets/growth", base=f"models/{MODEL}", model="models/growth")
    spec.options.epochs = 1
    spec.options.threads = 1
    with fintagd(setting, checkpoint, []) as (_, address, _):
        upload(setting, address)
        job = serve(address).CreateJob(training_pb2.CreateJobRequest(spec=spec))
        for _ in serve(address).WatchJob(training_pb2.WatchJobRequest(name=job.name)):
            pass
    spec.options.epochs = 1000
    for count in JOBS:
        fill(data_folder(setting), job.name.split("/")[1], count)
        with started(setting, []) as (process, address, age):
            ready = age()
            service = serve(address)
            running = service.CreateJob(training_pb2.CreateJobRequest(spec=spec))
            while service.GetJob(training_pb2.GetJobRequest(name=running.name)).progress.step == 0:
                time.sleep(0.1)
            made = []
            chosen = random.Random(1)
            methods = {
                "ListJobs": lambda _: service.ListJobs(training_pb2.ListJobsRequest(page_size=50)),
                "GetJob": lambda _: service.GetJob(training_pb2.GetJobRequest(
                    name=f"jobs/copy-{chosen.randrange(count)}")),
                "CreateJob": lambda number: made.append(service.CreateJob(training_pb2.CreateJobRequest(
                    spec=spec, request_id=f"{count}-{number}")).name),
            }
            for method, call in methods.items():
                p50, p99 = calls(call)
                rows.append({"jobs": count, "method": method, "p50_ms": p50, "p99_ms": p99, "ready_seconds": ready,
                             "resident_mb": memory(process.pid, "RssAnon")})
            for name in [running.name, *made]:
                service.CancelJob(training_pb2.CancelJobRequest(name=name))
    return rows


def watchers(setting, checkpoint):
    """One job, in its second minute, and more and more watchers. What the server spends on them is its processor time:
    they run beside it, so the trainer's speed says as much of theirs."""
    import grpc
    from fintag.v1 import training_pb2, training_pb2_grpc
    rows = []
    with fintagd(setting, checkpoint, ["--max-watchers", 2000, "--max-calls", 4000]) as (process, address, _):
        upload(setting, address)
        service = training_pb2_grpc.TrainingServiceStub(grpc.insecure_channel(address))
        spec = training_pb2.JobSpec(dataset="datasets/growth", base=f"models/{MODEL}", model="models/growth")
        spec.options.epochs = 1000
        job = service.CreateJob(training_pb2.CreateJobRequest(spec=spec))
        reached = []  # by each watcher, in sequence numbers

        def watch(stream, number):
            with contextlib.suppress(grpc.RpcError):
                for event in stream:
                    reached[number] = event.sequence

        streams = []
        request = training_pb2.WatchJobRequest(name=job.name)
        for _ in service.WatchJob(request):  # until it trains
            if service.GetJob(training_pb2.GetJobRequest(name=job.name)).progress.step > 0:
                break
        time.sleep(60)
        for count in WATCHERS:
            while len(streams) < count:
                streams.append(service.WatchJob(request))
                reached.append(0)
                threading.Thread(target=watch, args=(streams[-1], len(reached) - 1), daemon=True).start()
            before = service.GetJob(training_pb2.GetJobRequest(name=job.name)).last_sequence
            while min(reached, default=before) < before:  # what was there before is to be sent
                time.sleep(0.1)
            events, cpu, begin = sum(reached), cpu_seconds(process.pid), time.monotonic()
            time.sleep(2 * setting.seconds)
            seconds = time.monotonic() - begin
            rows.append({"watchers": count, "events_per_second": (sum(reached) - events) / seconds,
                         "server_cpu_share": (cpu_seconds(process.pid) - cpu) / seconds,
                         "resident_mb": memory(process.pid, "VmRSS")})
        for stream in streams:
            stream.cancel()
        service.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    return rows


def models(setting, checkpoint):
    """Models loaded one after the other, with memory for all of them and for a few."""
    rows = []
    for limit in ("8GB", "500MB"):
        with fintagd(setting, checkpoint, ["--model-memory", limit]) as (process, address, _):
            for number in range(MODELS):
                for command in (["models", "import", f"m{number}", "--from", checkpoint],
                                ["tag", "--model", f"m{number}", "Granite Harbor Bank lends to Tidewater."]):
                    measure.run([setting.bin / "fintag", "--server", address, *command],
                                measure.environment(setting.threads), setting.log("fintag"))
                rows.append({"limit": limit, "models": number + 1, "resident_mb": memory(process.pid, "RssAnon")})
    return rows


def threads(setting, checkpoint):
    """Tokens a second of forward passes by threads and tokens a batch."""
    rows = []
    speed = re.compile(r'"tokens_per_s": *([0-9.]+)')
    for count in range(1, (os.cpu_count() or 1) + 1):
        for tokens in (64, 256, 1024, 2048, 8192):
            run = measure.run([setting.bin / "tag_corpus", "--model", checkpoint, "--corpus", setting.validation,
                               "--batch-tokens", tokens, "--passes", 2], measure.environment(count),
                              setting.log("tag_corpus"))
            rows.append({"threads": count, "batch_tokens": tokens,
                         "tokens_per_second": float(speed.findall(run.output)[-1])})
    return rows


def write_corpus(setting, count):
    """The training file's sentences over and over; one word in a hundred is one that was not there before."""
    found, coined = sentences(setting.train), 0
    file = setting.work / f"{count}.conll"
    with open(file, "w", encoding="utf-8") as out:
        position = 0
        for number in range(count):
            for word, tag in zip(*found[number % len(found)]):
                position += 1
                if position % 100 == 0:
                    word, coined = f"{word}{coined}", coined + 1
                out.write(f"{word} {tag}\n")
            out.write("\n")
    return file


def corpus(setting, checkpoint):
    """A trainer until its first step, a tenth of its sentences split off to score on."""
    rows = []
    for count in SENTENCES:
        folder = setting.work / "job"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        file = write_corpus(setting, count)
        (folder / "job.json").write_text(json.dumps({"base": str(checkpoint), "train": str(file), "train_sha256": "0",
                                                     "options": {"epochs": 1, "device": "cpu"}}))
        begin = time.monotonic()
        trainer = measure.start([setting.bin / "fintag-train", "--job", folder], measure.environment(setting.threads),
                                setting.log("fintag-train"))
        events = folder / "events.log"
        while not (events.exists() and '"type":"progress"' in events.read_text()):
            if trainer.poll() is not None:
                raise RuntimeError(f"the trainer ended before its first step: see {setting.log('fintag-train')}")
            time.sleep(0.005)
        seconds = time.monotonic() - begin
        rows.append({"sentences": count, "peak_mb": memory(trainer.pid, "VmHWM"), "seconds": seconds,
                     "file_mb": file.stat().st_size / 1e6})
        measure.end(trainer)
        file.unlink()
    return rows


PARTS = {"clients": clients, "text": text, "jobs": jobs, "watchers": watchers, "models": models, "threads": threads,
         "corpus": corpus}


def draw(found, file):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    plt.rcParams.update({"svg.hashsalt": "fintag", "font.size": 9, "axes.spines.top": False, "axes.grid": True,
                         "axes.spines.right": False, "grid.alpha": 0.3, "lines.markersize": 4})
    figure, axes = plt.subplots(6, 2, figsize=(9, 18))

    def lines(place, title, rows, x, y, *, log_x=True, label, by=None, name=str):
        """One line, or one for each value of `by`, which `name` puts into words."""
        axis = axes.flat[place]
        axis.set_title(title, loc="left")
        for value in dict.fromkeys(row.get(by) for row in rows):
            chosen = [row for row in rows if row.get(by) == value]
            axis.plot([row[x] for row in chosen], [row[y] for row in chosen], marker="o", label=name(value))
        if log_x:
            axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(label[0])
        axis.set_ylabel(label[1])
        if by:
            axis.legend(frameon=False)

    if "clients" in found:
        lines(0, "Closed loop", found["clients"]["clients"], "clients", "requests_per_second",
              label=("clients", "requests/s"))
        lines(1, "Closed loop", found["clients"]["clients"], "clients", "p99_ms",
              label=("clients", "99th percentile, ms"))
        overload = found["clients"]["overload"]
        lines(2, "Offered more than it can do", overload, "load", "share_of_closed_loop", log_x=False,
              label=("offered, of what a closed loop gets", "answered, of what a closed loop gets"))
        lines(3, "What it refuses of that", [row for row in overload if row.get("refused_p99_ms")], "load",
              "refused_p99_ms", log_x=False,
              label=("offered, of what a closed loop gets", "99th percentile until refused, ms"))
    if "text" in found:
        rows = [{**row, "us": 1000 * row["ms"] / row["words"]} for row in found["text"]]
        lines(4, "One text", rows, "words", "us", label=("words", "microseconds a word"))
        lines(5, "One text", rows, "words", "peak_mb", label=("words", "memory of the server at its peak, MB"))
    if "jobs" in found:
        lines(6, "Jobs in the store", found["jobs"], "jobs", "p99_ms", by="method",
              label=("jobs", "99th percentile, ms"))
    if "watchers" in found:
        lines(7, "Watchers of one job", found["watchers"], "watchers", "server_cpu_share", log_x=False,
              label=("watchers", "processors that the server uses"))
    if "models" in found:
        lines(8, "Models in use", found["models"], "models", "resident_mb", log_x=False, by="limit",
              name="--model-memory {}".format, label=("models tagged with", "memory of the server, MB"))
    if "threads" in found:
        lines(9, "Forward passes", found["threads"], "batch_tokens", "tokens_per_second", by="threads",
              name="{} threads".format, label=("tokens a batch", "tokens/s"))
    if "corpus" in found:
        lines(10, "Training data, until the first step", found["corpus"], "sentences", "peak_mb",
              label=("sentences", "memory of the trainer, MB"))
        lines(11, "Training data, until the first step", found["corpus"], "sentences", "seconds",
              label=("sentences", "seconds"))
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bin", "checkpoint", "train", "validation", "output"):
        parser.add_argument(f"--{name}", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--plot", type=pathlib.Path, required=True, help="the SVG to draw")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--draw", action="store_true", help="draw what was measured before, and nothing else")
    a = parser.parse_args()
    threads_used = os.cpu_count() or 1
    setting = Setting(bin=a.bin, python=pathlib.Path(sys.executable), base=a.checkpoint, train=a.train,
                      validation=a.validation, work=a.output / "work", threads=threads_used, rounds=1, epochs=1,
                      scored=False, seconds=a.seconds, batch_tokens=(), batchings=(),
                      choice_sentences=0, bf16=False)
    results = a.output / "growth.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    if not a.draw:
        stubs(setting)
        for part in a.only:
            print(f"{part} ...", flush=True)
            found[part] = PARTS[part](setting, a.checkpoint)
            results.write_text(json.dumps(found, indent=1))
            for row in found[part] if isinstance(found[part], list) else sum(found[part].values(), []):
                print("  " + ", ".join(f"{k} {round(v, 3) if isinstance(v, float) else v}" for k, v in row.items()))
    draw(found, a.plot)


if __name__ == "__main__":
    main()
