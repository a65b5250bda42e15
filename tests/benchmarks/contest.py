"""Contestants measured in turn, so that a machine that grows warm or busy does it to all of them."""

import dataclasses
import signal
import sys
import time
from collections.abc import Callable

import measure


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One system in one mode; `measure(round)` gives a measure.Sample, or a list of them, one for each of `parts`."""

    system: str
    mode: str
    measure: Callable
    parts: tuple = (None,)


def stop(*_):
    raise SystemExit(130)


def conduct(run):
    """Calls `run`, which holds contests, as a program's whole work. Children are ended on the way out of an exception,
    which a signal's own way would pass by."""
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(f"{error}")


def hold(contestants, rounds, say=lambda line: print(line, file=sys.stderr, flush=True)):
    """Rows in the contestants' order, one for each part of each."""
    samples = {(c.system, c.mode, part): [] for c in contestants for part in c.parts}
    for number in range(rounds):
        for c in contestants:
            start = time.monotonic()
            found = c.measure(number)
            for part, sample in zip(c.parts, found if isinstance(found, list) else [found]):
                samples[c.system, c.mode, part].append(sample)
                name = ", ".join(filter(None, (c.system, c.mode, part)))
                say(f"  round {number + 1}: {name}: {sample.value:,.0f}")
            say(f"    in {time.monotonic() - start:.0f} s")
    rows = []
    for (system, mode, part), taken in samples.items():
        rows.append({**({"load": part} if part else {}), **measure.row(system, mode, taken)})
    return rows
