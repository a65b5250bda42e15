#!/usr/bin/env python3
"""Scores beside seqeval: random taggings in every scheme, legal and not, other ones at each run.

Precision, recall, F1 and support of every label, micro and macro, and the accuracy, as score_lines has them and as
seqeval's classification_report does. Prints the seed, so that a difference can be looked at again.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "data" / "golden"))
sys.dont_write_bytecode = True  # the source tree stays clean
from seqeval_golden import ALPHABETS, case  # noqa: E402


def equal(ours, theirs):
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(equal(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return abs(ours - theirs) < 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score-lines", required=True, help="the program of that name in the build's bin folder")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    a = parser.parse_args()

    warnings.simplefilter("ignore")
    rng = random.Random(a.seed)
    cases = [case(rng, index) for index in range(a.cases)]
    taggings = [{key: [tags.split(" ") for tags in c.pop(key)] for key in ("gold", "predicted")} for c in cases]
    run = subprocess.run([a.score_lines], input="".join(json.dumps(t) + "\n" for t in taggings), stdout=subprocess.PIPE,
                         text=True, check=True)
    ours = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(ours) == len(cases), f"{len(ours)} answers to {len(cases)} lines"
    different = [row for row in zip(taggings, ours, cases) if not equal(row[1], row[2])]
    for tagging, mine, theirs in different[:5]:
        print("different:", json.dumps(tagging), "\n  ours   ", json.dumps(mine), "\n  theirs ", json.dumps(theirs))
    print(f"seed {a.seed}: {len(cases)} taggings in {', '.join(ALPHABETS)}, {len(different)} different")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
