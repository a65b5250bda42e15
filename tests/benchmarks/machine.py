"""The machine: its processor, and what it can do at most."""

import json

import measure

# What decides which kernels run, by Linux's names.
FEATURES = ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def processor():
    """The first processor's lines of /proc/cpuinfo."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        first = lines.read().split("\n\n")[0]
    fields = dict(line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in fields.items()}


def describe(machine_limit, threads, log):
    """`machine` of the results: limits are of all threads together, in GFLOP/s (int8: operations) and GB/s."""
    found = processor()
    limit = json.loads(measure.run([machine_limit, str(threads)], measure.environment(threads), log).output)
    flags = found["flags"].split()
    return {"processor": found["model name"], "features": [f for f in FEATURES if f in flags], "cores": threads,
            "gflops": limit["gflops"], "instructions": limit["instructions"],
            "memory_gb_per_second": limit["memory_gb_per_second"]}


def bf16(features):
    return "avx512_bf16" in features or "amx_bf16" in features


def class_of(features):
    """The class of processor whose targets hold: "avx512" has vector instructions for int8 and bf16."""
    return "avx512" if {"avx512_vnni", "avx512_bf16"} <= set(features) else "avx2"


def share(machine, mode, operations_a_second):
    """Of the limit at the mode's precision, None where the machine has no such limit."""
    limit = machine["gflops"].get(mode)
    return operations_a_second / 1e9 / limit if limit else None
