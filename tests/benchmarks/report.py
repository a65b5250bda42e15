"""The results as results.json, and as tables to be read, results.md."""

import json

from machine import class_of
from ratios import judged

CLASSES = {"avx2": "AVX2 alone", "avx512": "AVX-512 with VNNI and bf16"}


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def table(head, lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines]) + "\n"


def ratio_table(results):
    kind = class_of(results["machine"]["features"])
    lines = []
    for name, what, ratio, target, met in judged(results["ratios"], kind):
        sign = "at most" if name == "ready_seconds" else "at least"
        lines.append([f"`{name}`: {what}", number(ratio, 2) or "not measured",
                      f"{sign} {target}" if target else "none", {True: "yes", False: "no", None: ""}[met]])
    title = f"Targets are those of processors with {CLASSES[kind]}."
    return f"{title}\n\n{table(['ratio', 'here', 'target', 'met'], lines)}"


def speed_table(rows, unit):
    head = ["system", "mode", f"{unit}, median", "minimum", "maximum", "F1", "peak MB", "share of limit"]
    return table(head, [[row["system"], row["mode"] + (f" ({row['batching']})" if "batching" in row else ""),
                         number(row["median"]), number(row["minimum"]), number(row["maximum"]), number(row["f1"], 4),
                         number(row["peak_mb"]), number(row["share_of_limit"], 2)] for row in rows])


def serving_table(rows):
    head = ["system", "mode", "load", "requests/s, median", "minimum", "maximum", "p50 ms", "p99 ms", "p99.9 ms",
            "errors", "MB", "MB after", "peak MB", "share of limit"]
    return table(head, [[row["system"], row["mode"], row["load"], number(row["median"], 1), number(row["minimum"], 1),
                         number(row["maximum"], 1), number(row["p50_ms"], 1), number(row["p99_ms"], 1),
                         number(row["p99_9_ms"], 1), number(row["errors"]), number(row["resident_mb"]),
                         number(row["resident_after_mb"]), number(row["peak_mb"]),
                         number(row["share_of_limit"], 2)] for row in rows])


def seed_table(rows):
    return table(["system", "mode", "F1 of each seed", "mean"],
                 [[row["system"], row["mode"], ", ".join(number(f1, 4) for f1 in row["f1"]), number(row["mean"], 4)]
                  for row in rows])


def markdown(results):
    machine = results["machine"]
    limits = ", ".join(f"{mode} {number(limit)}" for mode, limit in machine["gflops"].items() if limit)
    parts = [f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['features'])}. "
             f"Limit: {limits} GFLOP/s; memory {machine['memory_gb_per_second']} GB/s. "
             "Quote the ratios: the figures are those of this machine on that day.", ratio_table(results)]
    if results["training"]:
        parts += ["Training", speed_table(results["training"], "tokens/s")]
    if results["tagging"]:
        parts += ["Tagging, offline", speed_table(results["tagging"], "tokens/s")]
    if results["serving"]:
        parts += ["Serving, one sentence a request", serving_table(results["serving"])]
    if results["seeds"]:
        parts += ["F1 after the last epoch", seed_table(results["seeds"])]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def write(results, folder):
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (folder / "results.md").write_text(markdown(results))
