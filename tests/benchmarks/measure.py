"""Child processes and what they cost: time is theirs to print, the peak of their memory is the kernel's to know."""

import dataclasses
import json
import os
import signal
import statistics
import subprocess


@dataclasses.dataclass(frozen=True)
class Run:
    """A child that ended well."""

    output: str
    peak_mb: float  # resident; of the child itself

    def json_lines(self):
        return [json.loads(line) for line in self.output.splitlines() if line.startswith('{"')]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement of one contestant. `more` are figures beside the one that counts."""

    value: float
    f1: float | None = None
    peak_mb: float | None = None
    more: dict = dataclasses.field(default_factory=dict)


def environment(threads, **more):
    """The threads are everybody's: OpenMP has LibTorch's, MKL's and oneDNN's, the rest is told by option."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), **more}


def start(command, env, log, **options):
    """A child in a process group of its own, so that Ctrl-C reaches this program alone, which then ends the child. What
    it prints goes to the log unless the options say otherwise."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as file:
        return subprocess.Popen([str(word) for word in command], env=env, start_new_session=True,
                                **{"stdout": file, "stderr": file, **options})


def end(process, patience=10):
    """Ends a child and all that it started."""
    for sign, seconds in (signal.SIGTERM, patience), (signal.SIGKILL, patience):
        try:
            os.killpg(process.pid, sign)
            process.wait(seconds)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def run(command, env, log):
    """Runs a child to its end; RuntimeError with the end of its log if it fails."""
    process = start(command, env, log, stdout=subprocess.PIPE, text=True)
    try:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        end(process)
        raise
    finally:
        process.stdout.close()
    if process.returncode != 0:
        tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-15:])
        raise RuntimeError(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{tail}")
    return Run(output, usage.ru_maxrss / 1024)


def offers(program, option):
    """Whether the program's help speaks of the option."""
    words = [str(program), "--help"]
    said = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    return option in said


def middle(values):
    """The median of numbers; of anything else the first."""
    return statistics.median(values) if isinstance(values[0], int | float) else values[0]


def row(system, mode, samples):
    """The samples of one contestant as a row of the results."""
    values = [sample.value for sample in samples]
    f1s = [sample.f1 for sample in samples if sample.f1 is not None]
    peaks = [sample.peak_mb for sample in samples if sample.peak_mb is not None]
    more = {name: middle([sample.more[name] for sample in samples]) for name in samples[0].more}
    return {"system": system, "mode": mode, "median": statistics.median(values), "minimum": min(values),
            "maximum": max(values), "f1": f1s[0] if f1s else None, "peak_mb": max(peaks) if peaks else None, **more}
