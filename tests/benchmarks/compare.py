#!/usr/bin/env python3
"""Ours and what a user would pick instead, in turn on the same machine, data and threads; see BENCHMARKS.md."""

import argparse
import os
import pathlib
import shutil
import sys

import contest
import machine
import measure
import ratios
import report
import seeds
import serving
import tagging
import training
from corpus import write_part
from setting import Setting

PARTS = ("training", "tagging", "serving")
EPOCHS = 5
SEEDS = "seeds"  # takes half an hour alone, and tells nothing of speed
BATCH_TOKENS = ("512", "1024", "2048", "4096", "8192")
BATCHINGS = ("1", "8", "8-by-length", "32-by-length")
CHOICE_SENTENCES = 100  # some batches of the largest


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of our programs")
    parser.add_argument("--base", type=pathlib.Path, required=True, help="encoder to start from")
    parser.add_argument("--train", type=pathlib.Path, required=True)
    parser.add_argument("--validation", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--checkpoint", type=pathlib.Path, help="tag and serve this one, and train for speed alone")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, help="default 3; 1 with --quick")
    parser.add_argument("--only", nargs="+", choices=(*PARTS, SEEDS), default=PARTS)
    parser.add_argument("--quick", action="store_true", help="one round on part of the data")
    return parser.parse_args()


def make_setting(a, features):
    work = a.output / "work"
    train, validation = a.train.resolve(), a.validation.resolve()
    if a.quick:
        train = write_part(train, work / "train.conll", 150)
        validation = write_part(validation, work / "validation.conll", 60)
    return Setting(bin=a.bin, python=pathlib.Path(sys.executable), base=a.base, train=train, validation=validation,
                   work=work, threads=a.threads, rounds=a.rounds or (1 if a.quick else 3),
                   epochs=1 if a.quick or a.checkpoint else EPOCHS, scored=not a.checkpoint, seconds=3 if a.quick else 6,
                   batch_tokens=("2048",) if a.quick else BATCH_TOKENS,
                   batchings=("8-by-length",) if a.quick else BATCHINGS, choice_sentences=CHOICE_SENTENCES,
                   bf16=machine.bf16(features))


def shares(rows, found, cost, passes=1):
    """Adds each row's share of the limit; `cost` is the operations of a unit of its speed."""
    for row in rows:
        mode = row["mode"]
        if mode == "own choice":
            mode = "bf16" if found["gflops"]["bf16"] else "fp32"
        row["share_of_limit"] = machine.share(found, mode, row["median"] * cost * passes)
    return rows


def run(a):
    found = machine.describe(a.bin / "machine_limit", a.threads, a.output / "work/logs/machine_limit.log")
    setting = make_setting(a, found["features"])
    results = {"machine": found, **{part: [] for part in (*PARTS, SEEDS)}, "ratios": {}}
    cost_run = measure.run(setting.peer("forward_cost.py", "--model", a.base, setting.train, setting.validation),
                           measure.environment(a.threads), setting.log("forward_cost"))
    train_cost, validation_cost = cost_run.json_lines()
    per_token = {"training": train_cost["operations"] / train_cost["tokens"],
                 "tagging": validation_cost["operations"] / validation_cost["tokens"]}
    checkpoint = a.checkpoint

    def finish(part, rows):
        results[part] = rows
        results["ratios"] = ratios.ratios(results)
        report.write(results, a.output)

    if "training" in a.only:
        print("training", file=sys.stderr)
        rows = contest.hold(training.contestants(setting), setting.rounds)
        finish("training", shares(rows, found, per_token["training"], training.PASSES))
        checkpoint = checkpoint or training.checkpoint(setting, "fp32")
    elif not checkpoint and set(PARTS) & set(a.only):
        training.ours(setting, "fp32", []).measure(0)
        checkpoint = training.checkpoint(setting, "fp32")
    if {"tagging", "serving"} & set(a.only):
        tagging.export(setting, checkpoint)
    if "tagging" in a.only:
        print("tagging", file=sys.stderr)
        rows = contest.hold(tagging.contestants(setting, checkpoint), setting.rounds)
        finish("tagging", shares(rows, found, per_token["tagging"]))
    if "serving" in a.only:
        print("serving", file=sys.stderr)
        rows = contest.hold(serving.contestants(setting, checkpoint), setting.rounds)
        for row in rows:
            row["tokens_per_second"] = row["median"] * train_cost["tokens"] / train_cost["sentences"]
        finish("serving", shares(rows, found, train_cost["operations"] / train_cost["sentences"]))
    if SEEDS in a.only:
        print(SEEDS, file=sys.stderr)
        finish(SEEDS, seeds.rows(setting, epochs=1 if a.quick else EPOCHS))
    print((a.output / "results.md").read_text(), end="")


def main():
    a = parse()
    a.output = a.output.resolve()
    a.bin, a.base = a.bin.resolve(), a.base.resolve()
    a.checkpoint = a.checkpoint and a.checkpoint.resolve()
    if a.checkpoint and a.checkpoint.is_relative_to(a.output / "work"):
        sys.exit(f"{a.checkpoint} is in the folder that is emptied first: move it elsewhere")
    shutil.rmtree(a.output / "work", ignore_errors=True)
    a.output.mkdir(parents=True, exist_ok=True)
    contest.conduct(lambda: run(a))


if __name__ == "__main__":
    main()
