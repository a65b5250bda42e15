#!/usr/bin/env python3
"""Ours and transformers on a GPU, in turn, at BERT-base size; see GPU.md."""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import sys

import contest
import machine
import measure
import report
import tagging
import training
from corpus import repeat, write_part
from setting import Setting

BATCHES = (8, 32)  # sentences; the reference run's, and one that fills a GPU better
EPOCHS = 3  # the median leaves out the one that compiles
COPIES = 8  # of the corpus that is tagged, which a GPU would be done with too soon
BATCH_TOKENS = ("2048", "8192", "32768")
BATCHINGS = ("32-by-length", "128-by-length", "512-by-length")
CHOICE_SENTENCES = 4096  # some batches of the largest
RUNTIMES = {"fp32": "transformers", "bf16": "transformers-bf16", "bf16 compiled": "transformers-bf16-compiled"}
# Name -> what it says, the least it should be.
TARGETS = {"training": ("training: tokens/s, ours in bf16 over the best of the Trainer, at the worse batch size", 2),
           "tagging": ("tagging: tokens/s, ours in bf16 over transformers at its best", 3)}


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in "bin", "train", "validation", "output", "tokenizer":
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--base", type=pathlib.Path, help="default: random weights of BERT-base's sizes")
    parser.add_argument("--preload", default="", help="LibTorch's libraries for our programs")
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    for name in "bin", "train", "validation", "output", "tokenizer", "base":
        setattr(a, name, (path := getattr(a, name)) and path.resolve())
    return a


def make_setting(a, work):
    train, validation = a.train, a.validation
    if a.quick:
        train = write_part(train, work / "train.conll", 60)
        validation = write_part(validation, work / "validation.conll", 30)
    base = a.base or work / "base"
    return Setting(bin=a.bin, python=pathlib.Path(sys.executable), base=base, train=train, validation=validation,
                   work=work, threads=os.cpu_count(), rounds=a.rounds or (1 if a.quick else 3),
                   epochs=1 if a.quick else EPOCHS, scored=False, seconds=0,
                   batch_tokens=BATCH_TOKENS[:1] if a.quick else BATCH_TOKENS,
                   batchings=BATCHINGS[:1] if a.quick else BATCHINGS,
                   choice_sentences=CHOICE_SENTENCES, device=a.device,
                   bf16=a.device == "cuda" or machine.bf16(machine.processor()["flags"].split()),
                   libraries={"LD_PRELOAD": a.preload} if a.preload else {})


def precisions(setting):
    return ("fp32", "bf16") if setting.bf16 else ("fp32",)


def peer_modes(setting, compiled):
    return precisions(setting) + (("bf16 compiled",) if compiled else ())


def with_batch(mode, batch):
    return f"{mode}, batch {batch}"


def trainers(setting, compiled):
    for batch in BATCHES[:1] if setting.epochs == 1 else BATCHES:
        for precision in precisions(setting):
            yield training.ours(setting, with_batch(precision, batch), ["--precision", precision], batch)
        for mode in peer_modes(setting, compiled):
            yield training.trainer(setting, mode, batch=batch, name=with_batch(mode, batch))


def taggers(setting, checkpoint, compiled):
    for precision in precisions(setting):
        yield tagging.ours(setting, checkpoint, precision, ["--precision", precision])
    for mode in peer_modes(setting, compiled):
        yield tagging.peer(setting, checkpoint, "transformers", mode, RUNTIMES[mode])


def over(rows):
    """Ours in bf16 over the other's best mode, None where nothing was measured."""
    ours = [row["median"] for row in rows if row["system"] == "fintag" and row["mode"].startswith("bf16")]
    theirs = [row["median"] for row in rows if row["system"] == "transformers"]
    return max(ours) / max(theirs) if ours and theirs else None


def ratios(results):
    by_batch = [over([row for row in results["training"] if row["mode"].endswith(f"batch {batch}")])
                for batch in BATCHES]
    return {"training": min(filter(None, by_batch), default=None), "tagging": over(results["tagging"])}


def markdown(results):
    found = results["machine"]
    limits = ", ".join(f"{mode} {report.number(limit)}" for mode, limit in found["gflops"].items())
    lines = [[f"`{name}`: {what}", report.number(results["ratios"][name], 2) or "not measured", f"at least {least}"]
             for name, (what, least) in TARGETS.items()]
    return "\n\n".join([
        f"{found['device']}, torch {found['torch']}. Limit: {limits} GFLOP/s; memory {found['memory_gb_per_second']} "
        "GB/s. Peak MB are the host's.", report.table(["ratio", "here", "target"], lines).rstrip(), "Training",
        report.speed_table(results["training"], "tokens/s").rstrip(), "Tagging, offline",
        report.speed_table(results["tagging"], "tokens/s")])


def run(a):
    work = a.output / "gpu-work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    setting = make_setting(a, work)
    env = measure.environment(setting.threads)
    if not a.base:
        measure.run(setting.peer("random_base.py", "--tokenizer", a.tokenizer, "--output", setting.base), env,
                    setting.log("random_base"))
    found, = measure.run(setting.peer("gpu_limit.py", "--device", a.device), env,
                         setting.log("gpu_limit")).json_lines()
    corpus = repeat(setting.train, work / "tagged.conll", 1 if a.quick else COPIES)
    cost = measure.run(setting.peer("forward_cost.py", "--model", setting.base, setting.train, corpus), env,
                       setting.log("forward_cost")).json_lines()
    results = {"machine": found, "training": [], "tagging": [], "ratios": {}}

    def finish(part, contestants, operations, passes):
        print(part, file=sys.stderr)
        rows = contest.hold(contestants, setting.rounds)
        for row in rows:
            limit_of = row["mode"].split(",")[0].split()[0]
            row["share_of_limit"] = machine.share(found, limit_of, row["median"] * operations * passes)
        results[part] = rows
        results["ratios"] = ratios(results)
        (a.output / "gpu.json").write_text(json.dumps(results, indent=2) + "\n")
        (a.output / "gpu.md").write_text(markdown(results))

    finish("training", list(trainers(setting, not a.quick)), cost[0]["operations"] / cost[0]["tokens"], training.PASSES)
    checkpoint = training.checkpoint(setting, with_batch("fp32", BATCHES[0]))
    setting = dataclasses.replace(setting, validation=corpus)
    finish("tagging", list(taggers(setting, checkpoint, not a.quick)), cost[1]["operations"] / cost[1]["tokens"], 1)
    print((a.output / "gpu.md").read_text(), end="")


def main():
    a = parse()
    contest.conduct(lambda: run(a))


if __name__ == "__main__":
    main()
