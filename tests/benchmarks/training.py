"""Training: tokens a second of an epoch, ours and the transformers Trainer."""

import re
import shutil
import statistics

import measure
from contest import Contestant
from measure import Sample
from setting import BATCH, LEARNING_RATE

TCMALLOC = "libtcmalloc_minimal.so.4"
WITH_TCMALLOC = "transformers with tcmalloc"
FIRST_SEED = 42
# A row of fintag-train's table: epoch, two losses, precision, recall, F1, the unseen's, accuracy, seconds, tokens/s.
EPOCH = re.compile(r"^ *\d+(?: +[\d.]+){4} +([\d.]+)(?: +[\d.]+){3} +([\d.]+)(?: \*)?$", re.MULTILINE)
# Backward costs two products for each of the forward's.
PASSES = 3


def epochs(setting, number):
    """The first round is trained to the end, for its F1; speed is the same in every epoch, but that a GPU's first one
    is spent on warming up."""
    return setting.epochs if number == 0 or setting.seeds or setting.device != "cpu" else 1


def seed(setting, number):
    return FIRST_SEED + (number if setting.seeds else 0)


def sample(found, run, scored):
    """found: (F1, tokens/s) of each epoch. The last one's F1 tells where training went to its end."""
    return Sample(statistics.median(speed for _, speed in found), found[-1][0] if scored else None, run.peak_mb)


def checkpoint(setting, mode):
    return setting.work / f"checkpoint-{mode.replace(',', '').replace(' ', '-')}"


def ours(setting, mode, precision, batch=BATCH):
    def train(number):
        folder = checkpoint(setting, mode) if number == 0 else setting.work / "again"
        shutil.rmtree(folder, ignore_errors=True)
        run = measure.run(
            [setting.bin / "fintag-train", "--base", setting.base, "--train", setting.train, "--validation",
             setting.validation, "--output", folder, "--learning-rate", LEARNING_RATE, "--batch-size", batch,
             "--epochs", epochs(setting, number), "--seed", seed(setting, number), "--threads", setting.threads,
             "--keep", "last", "--device", setting.device, *precision],
            measure.environment(setting.threads, **setting.libraries), setting.log("fintag-train"))
        found = [(float(f1), float(speed)) for f1, speed in EPOCH.findall(run.output)]
        return sample(found, run, (number == 0 or setting.seeds) and setting.scored)

    return Contestant("fintag", mode, train)


def trainer(setting, mode, system="transformers", batch=BATCH, name=None, **environment):
    def train(number):
        command = setting.peer(
            "train_transformers.py", "--base", setting.base, "--train", setting.train, "--validation",
            setting.validation, "--learning-rate", LEARNING_RATE, "--batch-size", batch, "--epochs",
            epochs(setting, number) if not environment else 1, "--seed", seed(setting, number), "--threads",
            setting.threads, "--mode", mode, "--device", setting.device)
        run = measure.run(command, measure.environment(setting.threads, **environment), setting.log(system))
        found = [(line["f1"], line["tokens_per_second"]) for line in run.json_lines()]
        return sample(found, run, (number == 0 or setting.seeds) and setting.scored and not environment)

    return Contestant(system, name or mode, train)


def contestants(setting):
    """fp32 first: its checkpoint is what is tagged and served with."""
    program = setting.bin / "fintag-train"
    known = measure.offers(program, "--precision")
    modes = ["fp32"] + (["bf16"] if setting.bf16 and known else [])
    return [*(ours(setting, mode, ["--precision", mode] if known else []) for mode in modes),
            trainer(setting, "fp32"),
            *([trainer(setting, "bf16")] if setting.bf16 else []),
            trainer(setting, "fp32", WITH_TCMALLOC, LD_PRELOAD=TCMALLOC)]
