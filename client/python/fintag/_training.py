"""What a fine-tuning job is told and what it tells: options in, events out."""
from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, Optional, Tuple, TypedDict, Union

from ._names import Name, full_name
from ._scores import EntityScores, Scores, flat, optional_entity_scores, optional_scores
from .errors import FieldViolation, InvalidArgument
from .v1 import training_pb2 as pb


class TrainingOptions(TypedDict, total=False):
    """What is left out, or None, has the server's default; see training.proto for ranges."""

    epochs: Optional[int]  # 5
    learning_rate: Optional[float]  # 2e-5
    batch_sentences: Optional[int]  # 8
    batch_tokens: Optional[int]  # off; takes the place of batch_sentences
    gradient_accumulation: Optional[int]  # 1
    weight_decay: Optional[float]  # 0
    adam_beta1: Optional[float]  # 0.9
    adam_beta2: Optional[float]  # 0.999
    adam_epsilon: Optional[float]  # 1e-8
    schedule: Optional[Literal["linear", "constant"]]  # linear
    warmup_ratio: Optional[float]  # 0
    max_gradient_norm: Optional[float]  # 1
    dropout: Optional[float]  # the base's own
    seed: Optional[int]  # 42
    keep: Optional[Literal["best", "last"]]  # best
    validation_fraction: Optional[float]  # 0.1, of a dataset without a validation part
    shuffle: Optional[bool]  # True
    device: Optional[Literal["auto", "cpu", "cuda"]]  # auto
    threads: Optional[int]  # all processors
    precision: Optional[Literal["fp32", "bf16"]]  # fp32; bf16 is mixed precision
    processes: Optional[int]  # 1; trainers that share the work


_ENUMS = {"schedule": (pb.Schedule, "SCHEDULE_"), "keep": (pb.KeepCheckpoint, "KEEP_CHECKPOINT_")}


def job_spec(dataset: Name, base: Name, model: Name, options: TrainingOptions) -> pb.JobSpec:
    """TypeError for an option that there is none of; InvalidArgument for a value of a wrong kind."""
    spec = pb.JobSpec(dataset=full_name("datasets", dataset), base=full_name("models", base),
                      model=full_name("models", model))
    for name, value in options.items():
        if name not in pb.TrainingOptions.DESCRIPTOR.fields_by_name:
            known = ", ".join(pb.TrainingOptions.DESCRIPTOR.fields_by_name)
            raise TypeError(f"train() has no option {name!r}; it has {known}")
        if value is not None:
            try:
                setattr(spec.options, name, _number(name, value) if name in _ENUMS else value)
            except (TypeError, ValueError) as error:
                field = FieldViolation(f"spec.options.{name}", f"cannot be {value!r}: {error}")
                raise InvalidArgument(f"{field}", [field]) from None
    return spec


def _number(name: str, value: Any) -> int:
    enumeration, prefix = _ENUMS[name]
    names = {key[len(prefix):].lower(): number for key, number in enumeration.items() if number}
    if value not in names:
        raise ValueError(f"must be {' or '.join(map(repr, names))}")
    return int(names[value])


def options_of(spec: pb.JobSpec) -> TrainingOptions:
    """Those that the job has."""
    given: Any = {field.name: value for field, value in spec.options.ListFields()}
    for name, (enumeration, prefix) in _ENUMS.items():
        if name in given:
            given[name] = enumeration.Name(given[name])[len(prefix):].lower()
    options: TrainingOptions = given
    return options


class JobState(str, enum.Enum):
    QUEUED = "QUEUED"
    VALIDATING = "VALIDATING"  # the trainer reads base and dataset
    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"  # a state that this package is too old for

    @property
    def final(self) -> bool:
        """The job changes no more."""
        return self in (JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED)

    def __str__(self) -> str:
        return self.value

    @classmethod
    def of(cls, number: int) -> JobState:
        names = {int(value): name for name, value in pb.JobState.items()}
        return cls.__members__.get(names.get(number, "").replace("JOB_STATE_", ""), cls.UNKNOWN)


@dataclass(frozen=True)
class StateChanged:
    state: JobState
    reason: str
    model_version: str


@dataclass(frozen=True)
class TrainingStarted:
    device: str
    threads: int
    parameters: int
    train_sentences: int
    train_tokens: int
    validation_sentences: int
    total_steps: int
    word_lookup: Optional[Scores]
    tags: Tuple[str, ...]
    notes: Tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    epoch: int
    step: int
    total_steps: int
    # 0 to 1, of this epoch.
    epoch_fraction: float
    loss: float
    learning_rate: float
    tokens: int
    tokens_per_second: float
    # Of the whole run.
    seconds_left: float


@dataclass(frozen=True)
class Epoch:
    """A finished epoch. `precision`, `recall`, `f1` are the micro averages on the validation part."""

    epoch: int
    train_loss: float
    validation_loss: float
    precision: float
    recall: float
    f1: float
    accuracy: float
    # By label, and the macro average.
    scores: Scores
    # Entities whose surface form training never saw.
    unseen: Optional[EntityScores]
    train_seconds: float
    validation_seconds: float
    tokens_per_second: float
    # The best F1 so far.
    best: bool

    @classmethod
    def of(cls, message: pb.EpochFinished) -> Epoch:
        scores = Scores.of(message.scores)
        micro = scores.micro
        return cls(message.epoch, message.train_loss, message.validation_loss, micro.precision, micro.recall, micro.f1,
                   scores.accuracy, scores, optional_entity_scores(message, "unseen"), message.train_seconds,
                   message.validation_seconds, message.tokens_per_second, message.best)

    def __repr__(self) -> str:
        return (f"<Epoch {self.epoch}: loss {self.train_loss:.4f}, precision {self.precision:.4f}, recall "
                f"{self.recall:.4f}, F1 {self.f1:.4f}, accuracy {self.accuracy:.4f}{', best' if self.best else ''}>")


@dataclass(frozen=True)
class TrainingFinished:
    best_epoch: int
    kept_epoch: int
    cancelled: bool


@dataclass(frozen=True)
class TrainingFailed:
    code: str
    reason: str


Happening = Union[StateChanged, TrainingStarted, Progress, Epoch, TrainingFinished, TrainingFailed]


@dataclass(frozen=True)
class Event:
    """What happened to a job. Events are numbered from 1 without gaps."""

    sequence: int
    time: datetime
    # None: of a kind that this package is too old for.
    what: Optional[Happening]

    @classmethod
    def of(cls, message: pb.JobEvent) -> Event:
        return cls(message.sequence, message.time.ToDatetime(tzinfo=timezone.utc), _happening(message))


def _happening(message: pb.JobEvent) -> Optional[Happening]:
    kind = message.WhichOneof("event")
    if kind == "state_changed":
        change = message.state_changed
        return StateChanged(JobState.of(change.state), change.reason, change.model_version)
    if kind == "training_started":
        start = message.training_started
        return TrainingStarted(start.device, start.threads, start.parameters, start.train_sentences, start.train_tokens,
                               start.validation_sentences, start.total_steps, optional_scores(start, "word_lookup"),
                               tuple(start.tags), tuple(start.notes))
    if kind == "progress":
        return flat(Progress, message.progress)
    if kind == "epoch_finished":
        return Epoch.of(message.epoch_finished)
    if kind == "training_finished":
        return flat(TrainingFinished, message.training_finished)
    if kind == "training_failed":
        return flat(TrainingFailed, message.training_failed)
    return None
