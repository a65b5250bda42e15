"""Ours over the best peer, by name, and the least that each should be for the processor's class."""

OURS = "fintag"
KSERVE = "KServe with ONNX Runtime"
TRANSFORMERS = "transformers"  # as its users run it; with another allocator it is no peer
TAGGING_PEERS = (TRANSFORMERS, "ONNX Runtime", "OpenVINO")

# Name -> what it says, least on processors with AVX2 alone, least on those with AVX-512, VNNI and bf16. None: no
# target.
TARGETS = {
    "training_fp32": ("training, fp32: tokens/s, the Trainer grouping by length", 1.6, 2.5),
    "training_bf16": ("training, mixed precision: tokens/s, the Trainer's better mode", None, 3.5),
    "tagging_fp32": ("tagging, fp32: tokens/s, the best fp32 peer", 1.05, 1.4),
    "tagging_bf16": ("tagging, bf16: tokens/s, OpenVINO's own choice", None, 1.8),
    "tagging_int8": ("tagging, int8: tokens/s, the best peer of any precision", 1.5, 1.8),
    "serving_32": ("serving, 32 clients, fp32: requests/s, KServe with ONNX Runtime", 1.3, 2.0),
    "serving_32_best": ("serving, 32 clients, our best precision: requests/s, the same", 1.8, 3.5),
    "p99_32": ("serving, 32 clients, fp32: their p99 over ours", 1.5, 2.0),
    "p50_1": ("serving, one client, fp32: their median over ours", 1.2, 1.5),
    "memory_serving": ("memory of the server with one model: theirs over ours", 2, 2),
    "memory_after_loads": ("memory of that server behind all loads: theirs over ours", None, None),
    "memory_training": ("peak memory of training: the Trainer's over ours", 1.5, 1.5),
    "serving_share_of_offline": ("tokens/s served to 32 clients over our own offline", 0.8, 0.8),
    "tagging_share_of_limit": ("tagging, fp32: share of the machine's limit", 0.8, 0.65),
}
READY_SECONDS = ("ready_seconds", "seconds from the server's start to its first answer", 1.5)


def select(rows, systems, modes=None, **fields):
    return [row for row in rows if row["system"] in systems and (modes is None or row["mode"] in modes) and
            all(row.get(name) == value for name, value in fields.items())]


def best(rows, field="median"):
    """The largest value there is, or None."""
    return max((row[field] for row in rows if row.get(field) is not None), default=None)


def over(a, b):
    return a / b if a is not None and b else None


def ratios(results):
    """Those that a machine or a build cannot have are None."""
    training, tagging, serving = results["training"], results["tagging"], results["serving"]
    ours = select(training, [OURS], ["fp32"])
    trainer = select(training, [TRANSFORMERS], ["fp32"])
    offline = select(tagging, [OURS], ["fp32"])
    at_32 = select(serving, [OURS], load="32 clients")
    at_32_fp32 = select(at_32, [OURS], ["fp32"])
    at_1 = select(serving, [OURS], ["fp32"], load="1 client")
    peer_32 = select(serving, [KSERVE], load="32 clients")
    # OpenVINO's own choice is fp32 where the processor has no bf16.
    fp32 = ["fp32"] if results["machine"]["gflops"]["bf16"] else ["fp32", "own choice"]
    return {
        "training_fp32": over(best(ours), best(trainer)),
        "training_bf16": over(best(select(training, [OURS], ["bf16"])), best(select(training, [TRANSFORMERS]))),
        "tagging_fp32": over(best(offline), best(select(tagging, TAGGING_PEERS, fp32))),
        "tagging_bf16": over(best(select(tagging, [OURS], ["bf16"])),
                             best(select(tagging, ["OpenVINO"], ["own choice"]))),
        "tagging_int8": over(best(select(tagging, [OURS], ["int8"])), best(select(tagging, TAGGING_PEERS))),
        "serving_32": over(best(at_32_fp32), best(peer_32)),
        "serving_32_best": over(best(at_32), best(peer_32)),
        "p99_32": over(best(peer_32, "p99_ms"), best(at_32_fp32, "p99_ms")),
        "p50_1": over(best(select(serving, [KSERVE], load="1 client"), "p50_ms"), best(at_1, "p50_ms")),
        "memory_serving": over(best(peer_32, "resident_mb"), best(at_32_fp32, "resident_mb")),
        "memory_after_loads": over(best(peer_32, "resident_after_mb"), best(at_32_fp32, "resident_after_mb")),
        "memory_training": over(best(trainer, "peak_mb"), best(ours, "peak_mb")),
        "serving_share_of_offline": over(best(at_32_fp32, "tokens_per_second"), best(offline)),
        "tagging_share_of_limit": best(offline, "share_of_limit"),
        "ready_seconds": best(at_1, "ready_seconds"),
    }


def judged(found, processor_class):
    """(name, what, ratio, target, whether it is met) of each; a target or a judgement that cannot be is None."""
    column = 2 if processor_class == "avx512" else 1
    lines = []
    for name, target in TARGETS.items():
        ratio, least = found[name], target[column]
        lines.append((name, target[0], ratio, least, None if None in (ratio, least) else ratio >= least))
    name, what, most = READY_SECONDS
    lines.append((name, what, found[name], most, None if found[name] is None else found[name] <= most))
    return lines
