"""F1 after the whole training, for several seeds: how far runs of one system lie apart, and two systems beside that."""

import dataclasses
import statistics
import sys

import training

SEEDS = 3


def rows(setting, epochs):
    """A row for each system and mode: `f1` of each seed, and their mean."""
    setting = dataclasses.replace(setting, seeds=True, scored=True, epochs=epochs)
    found = []
    for c in training.contestants(setting):
        if c.system == training.WITH_TCMALLOC:
            continue  # the same numbers
        f1s = []
        for number in range(SEEDS):
            f1s.append(c.measure(number).f1)
            print(f"  {c.system}, {c.mode}, seed {training.FIRST_SEED + number}: {f1s[-1]:.4f}", file=sys.stderr,
                  flush=True)
        found.append({"system": c.system, "mode": c.mode, "f1": f1s, "mean": statistics.mean(f1s)})
    return found
