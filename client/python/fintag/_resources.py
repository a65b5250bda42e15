"""What the server keeps: datasets, and models in versions."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from ._names import id_of
from ._scores import EntityScores, Scores, flat, optional_entity_scores, optional_scores
from .v1 import admin_pb2, dataset_pb2, model_pb2


def optional_time(parent: Any, field: str) -> Optional[datetime]:
    return getattr(parent, field).ToDatetime(tzinfo=timezone.utc) if parent.HasField(field) else None


@dataclass(frozen=True)
class DatasetPart:
    """The part to train on, or the one to validate with."""

    file_name: str
    sha256: str
    size_bytes: int
    sentences: int
    words: int
    documents: int
    # As detected: IOB2, IOBES and so on.
    scheme: str
    entities: int
    entities_by_label: Dict[str, int]
    longest_sentence_words: int

    @classmethod
    def of(cls, part: dataset_pb2.DatasetPart) -> DatasetPart:
        return cls(part.file_name, part.sha256, part.size_bytes, part.sentences, part.words, part.documents,
                   part.scheme, part.entities, dict(sorted(part.entities_by_label.items())),
                   part.longest_sentence_words)


@dataclass(frozen=True)
class Dataset:
    """A tagged corpus to train on."""

    name: str
    create_time: Optional[datetime]
    train: DatasetPart
    validation: Optional[DatasetPart]
    labels: Tuple[str, ...]
    # The baseline without a model: each word's most frequent training tag.
    word_lookup: Optional[Scores]
    size_bytes: int

    @property
    def id(self) -> str:
        return id_of(self.name)

    @classmethod
    def of(cls, message: dataset_pb2.Dataset) -> Dataset:
        validation = DatasetPart.of(message.validation) if message.HasField("validation") else None
        return cls(message.name, optional_time(message, "create_time"), DatasetPart.of(message.train), validation,
                   tuple(message.labels), optional_scores(message, "word_lookup"), message.size_bytes)

    def __repr__(self) -> str:
        validation = f", {self.validation.sentences:,} to validate" if self.validation else ""
        lookup = f", word lookup F1 {self.word_lookup.micro.f1:.4f}" if self.word_lookup else ""
        return (f"<Dataset {self.name}: {self.train.sentences:,} sentences to train{validation}, "
                f"labels {' '.join(self.labels) or 'none'}{lookup}>")


@dataclass(frozen=True)
class Architecture:
    model_type: str
    parameters: int
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    vocabulary_size: int
    max_positions: int


@dataclass(frozen=True)
class ModelVersion:
    """It never changes once it is there."""

    name: str
    create_time: Optional[datetime]
    # "base": an encoder to start from; "tagger": it can tag.
    kind: str
    architecture: Architecture
    tags: Tuple[str, ...]
    labels: Tuple[str, ...]
    # On the validation part of the job that trained it, as the two after it.
    scores: Optional[Scores]
    unseen: Optional[EntityScores]
    word_lookup: Optional[Scores]
    # What made it; empty if it was imported.
    job: str
    base: str
    dataset: str
    size_bytes: int
    weights_sha256: str
    # In memory, ready to tag.
    loaded: bool
    # What the reader left out or noticed.
    notes: Tuple[str, ...]

    @classmethod
    def of(cls, message: model_pb2.ModelVersion) -> ModelVersion:
        kind = model_pb2.ModelKind.Name(message.kind) if message.kind in model_pb2.ModelKind.values() else "unknown"
        return cls(message.name, optional_time(message, "create_time"), kind.replace("MODEL_KIND_", "").lower(),
                   flat(Architecture, message.architecture), tuple(message.tags), tuple(message.labels),
                   optional_scores(message, "scores"), optional_entity_scores(message, "unseen"),
                   optional_scores(message, "word_lookup"), message.job, message.base, message.dataset,
                   message.size_bytes, message.weights_sha256, message.loaded, tuple(message.notes))

    def __repr__(self) -> str:
        f1 = f", F1 {self.scores.micro.f1:.4f}" if self.scores else ""
        labels = f", labels {' '.join(self.labels)}" if self.labels else ""
        size = f"{self.architecture.parameters / 1e6:.1f} M parameters"
        return f"<ModelVersion {self.name}: {self.kind}, {size}{labels}{f1}>"


@dataclass(frozen=True)
class Model:
    """Its versions, the newest first."""

    name: str
    create_time: Optional[datetime]
    versions: Tuple[ModelVersion, ...]

    @property
    def id(self) -> str:
        return id_of(self.name)

    @classmethod
    def of(cls, message: model_pb2.Model) -> Model:
        return cls(message.name, optional_time(message, "create_time"),
                   tuple(ModelVersion.of(version) for version in message.versions))

    def __repr__(self) -> str:
        newest = f", newest {self.versions[0]!r}" if self.versions else ""
        return f"<Model {self.name}: {len(self.versions)} version{'' if len(self.versions) == 1 else 's'}{newest}>"


@dataclass(frozen=True)
class Backup:
    """An archive of all that a server stores, for `fintagd --restore`."""

    path: Path
    # Whose state it holds.
    create_time: Optional[datetime]
    program_version: str
    datasets: int
    model_versions: int
    jobs: int
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, start: admin_pb2.BackupStart, end: admin_pb2.BackupEnd) -> Backup:
        return cls(path, optional_time(start, "create_time"), start.program_version, start.datasets,
                   start.model_versions, start.jobs, end.size_bytes, end.sha256)
