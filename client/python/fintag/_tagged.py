"""What comes back from tagging."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, List, Sequence, Tuple, Union, overload

from ._highlight import highlight
from ._scores import flat
from ._tables import table
from .v1 import tagging_pb2


@dataclass(frozen=True)
class Words:
    """A sentence that is split already: Words(["Acme", "Inc", "signed"]). Offsets count in its join by one space."""

    words: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.words, str):
            raise TypeError("Words takes a list of words, not one string")


TextLike = Union[str, Words]


@dataclass(frozen=True)
class Entity:
    """A labelled span; `start` and `end` (exclusive) count characters of the text, so that text[start:end] is it."""

    text: str
    label: str
    start: int
    end: int
    # Mean probability of its words' tags, 0 to 1.
    score: float


@dataclass(frozen=True)
class TaggedWord:
    text: str
    # "B-ORG".
    tag: str
    score: float
    start: int
    end: int


_COLUMNS = ["text", "label", "start", "end", "score"]


@dataclass(frozen=True, repr=False)
class TaggedText:
    """A text with its entities; a sequence of them."""

    text: str
    entities: Tuple[Entity, ...]
    # Every word with its tag, if that was asked for.
    words: Tuple[TaggedWord, ...]
    # The version that tagged it.
    model_version: str

    @classmethod
    def of(cls, given: TextLike, message: tagging_pb2.TaggedText, model_version: str) -> TaggedText:
        text = given if isinstance(given, str) else " ".join(given.words)
        return cls(text, tuple(flat(Entity, entity) for entity in message.entities),
                   tuple(flat(TaggedWord, word) for word in message.words), model_version)

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.entities)

    def __len__(self) -> int:
        return len(self.entities)

    def __getitem__(self, index: int) -> Entity:
        return self.entities[index]

    def __bool__(self) -> bool:
        """Of a text without entities too: it is a result."""
        return True

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        entities = ", ".join(f"{entity.label} {entity.text!r}" for entity in self.entities)
        return f"<TaggedText {text!r}: {entities or 'no entities'}>"

    def to_pandas(self) -> Any:
        """One row an entity."""
        return table([[getattr(entity, name) for name in _COLUMNS] for entity in self.entities], _COLUMNS)

    def _repr_html_(self) -> str:
        return highlight([self])


class TaggedTexts(Sequence[TaggedText]):
    """The results of many texts, in their order."""

    def __init__(self, results: Sequence[TaggedText]) -> None:
        self._results: List[TaggedText] = list(results)

    @overload
    def __getitem__(self, index: int) -> TaggedText: ...

    @overload
    def __getitem__(self, index: slice) -> TaggedTexts: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[TaggedText, TaggedTexts]:
        return TaggedTexts(self._results[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaggedTexts) and self._results == other._results

    def __repr__(self) -> str:
        return f"<{len(self)} tagged texts, {sum(len(result) for result in self)} entities>"

    def to_pandas(self) -> Any:
        """One row an entity; `input` is the number of its text, from 0."""
        rows = [[number, *(getattr(entity, name) for name in _COLUMNS)]
                for number, result in enumerate(self._results) for entity in result]
        return table(rows, ["input", *_COLUMNS])

    def _repr_html_(self) -> str:
        return highlight(self._results)
