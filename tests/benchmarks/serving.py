"""Serving: one sentence a request, ours and KServe with ONNX Runtime behind it, both under `fintag bench`."""

import json

import measure
from contest import Contestant
from corpus import write_texts
from measure import Sample
from servers import MODEL, fintagd, kserve, memory

CLIENTS = (1, 8, 32)
OPEN_LOOP = "open loop"
FIRST_ANSWER = ("--clients", 1, "--requests", 1, "--warm-up", 0)  # the model is in memory then
INFERENCE = ("--protocol", "inference", "--input", "TEXT")
MODES = ("fp32", "bf16", "int8")


def loads():
    return (*(f"{clients} client{'s' * (clients > 1)}" for clients in CLIENTS), OPEN_LOOP)


def bench(setting, address, protocol, *load):
    """What `fintag bench` says of one load, after it."""
    run = measure.run([setting.bin / "fintag", "--server", address, "--json", "bench", "--model", MODEL, *protocol,
                       "--file", setting.work / "texts.txt", *load],
                      measure.environment(setting.threads), setting.log("bench"))
    return json.loads(run.output)


def contestant(setting, checkpoint, system, mode, server, protocol, *options):
    times = ("--warm-up", 1, "--duration", setting.seconds)

    def serve(_):
        with server(setting, checkpoint, options) as (process, address, seconds_since_start):
            bench(setting, address, protocol, *FIRST_ANSWER)
            more = {"ready_seconds": seconds_since_start(), "resident_mb": memory(process.pid, "VmRSS")}
            said = [bench(setting, address, protocol, "--clients", clients, *times) for clients in CLIENTS]
            # At half of what it can do, so that latency is not that of its own queue.
            rate = max(1, round(said[-1]["requests_per_second"] / 2))
            said.append(bench(setting, address, protocol, "--rate", rate, *times))
            more["resident_after_mb"] = memory(process.pid, "VmRSS")
            peak = memory(process.pid, "VmHWM")
        return [Sample(one["requests_per_second"], None, peak,
                       {"p50_ms": one["latency_ms"]["p50"], "p99_ms": one["latency_ms"]["p99"],
                        "p99_9_ms": one["latency_ms"]["p99_9"],
                        "errors": sum(one["errors"].values()), **more}) for one in said]

    return Contestant(system, mode, serve, loads())


def contestants(setting, checkpoint):
    write_texts(setting.train, setting.work / "texts.txt")
    known = measure.offers(setting.bin / "fintagd", "--precision")
    modes = [m for m in MODES if m == "fp32" or (known and (m != "bf16" or setting.bf16))]
    return [*(contestant(setting, checkpoint, "fintag", mode, fintagd, ("--protocol", "fintag"),
                         *(["--precision", mode] if known else [])) for mode in modes),
            contestant(setting, checkpoint, "fintag, Open Inference Protocol", "fp32", fintagd, INFERENCE,
                       *(["--precision", "fp32"] if known else [])),
            contestant(setting, checkpoint, "KServe with ONNX Runtime", "fp32", kserve, INFERENCE)]
