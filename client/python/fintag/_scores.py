"""Scores of taggings, as seqeval has them."""
from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Dict, Optional, Tuple, Type, TypeVar

from ._tables import table
from .v1 import scores_pb2

Flat = TypeVar("Flat")


def flat(kind: Type[Flat], message: Any) -> Flat:
    """A dataclass whose fields are plain ones of the message, by the same names."""
    return kind(**{part.name: getattr(message, part.name) for part in fields(kind)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class EntityScores:
    """Of one label, or of an average (then `label` is empty)."""

    label: str
    precision: float
    recall: float
    f1: float
    # Entities in the gold tags; of the averages, of all labels.
    support: int
    predicted: int
    correct: int


@dataclass(frozen=True)
class Scores:
    """`micro` has the headline figures; `accuracy` is the share of words whose tag is right."""

    micro: EntityScores
    macro: EntityScores
    labels: Tuple[EntityScores, ...]
    accuracy: float
    words: int
    # Words by gold and predicted label, "O" outside of entities. Empty where it isn't kept: of a job that is asked for
    # again, for all epochs but the best and the latest; so it does not count in comparisons.
    confusion: Dict[str, Dict[str, int]] = field(compare=False, repr=False, default_factory=dict)

    @classmethod
    def of(cls, message: scores_pb2.Scores) -> Scores:
        return cls(flat(EntityScores, message.micro), flat(EntityScores, message.macro),
                   tuple(flat(EntityScores, label) for label in message.labels), message.accuracy, message.words,
                   {row.label: dict(sorted(row.predicted.items())) for row in message.confusion})

    def to_pandas(self) -> Any:
        """One row a label, then the averages."""
        rows = [*self.labels, self.micro, self.macro]
        names = [*(label.label for label in self.labels), "micro average", "macro average"]
        return table([vars(row) for row in rows], index=names).drop(columns="label")


def optional_scores(parent: Any, field: str) -> Optional[Scores]:
    return Scores.of(getattr(parent, field)) if parent.HasField(field) else None


def optional_entity_scores(parent: Any, field: str) -> Optional[EntityScores]:
    return flat(EntityScores, getattr(parent, field)) if parent.HasField(field) else None
