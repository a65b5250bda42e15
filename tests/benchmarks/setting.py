"""What one run of the benchmark is made of: programs, data, and how much of each."""

import dataclasses
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
LEARNING_RATE = 1e-4
BATCH = 8


@dataclasses.dataclass(frozen=True)
class Setting:
    bin: pathlib.Path        # of our programs
    python: pathlib.Path     # with requirements.txt
    base: pathlib.Path       # the encoder that training starts from
    train: pathlib.Path      # CoNLL files
    validation: pathlib.Path
    work: pathlib.Path
    threads: int
    rounds: int
    epochs: int              # of the first round of training
    scored: bool             # whether that round's F1 tells anything
    seconds: int             # of each load of a server
    batch_tokens: tuple      # that ours has to choose from
    batchings: tuple         # that a peer has to choose from: how many sentences, as they come or by length
    choice_sentences: int    # of the validation file, on which they choose
    bf16: bool               # whether the processor multiplies bfloat16
    seeds: bool = False      # each round is trained to its end, with a seed of its own
    device: str = "cpu"
    libraries: dict = dataclasses.field(default_factory=dict)  # environment of our programs beside the threads

    def peer(self, script, *options):
        return [self.python, HERE / "peers" / script, *options]

    def log(self, name):
        return self.work / "logs" / f"{name.replace(' ', '-')}.log"
