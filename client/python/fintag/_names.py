"""Names of resources: "fin" and "datasets/fin" are the same dataset."""
from __future__ import annotations

import uuid
from typing import Protocol, Union


class Named(Protocol):
    """A dataset, a model, a version or a job."""

    @property
    def name(self) -> str: ...


Name = Union[str, Named]


def full_name(collection: str, name: Name) -> str:
    text = name if isinstance(name, str) else name.name
    return text if text.startswith(f"{collection}/") else f"{collection}/{text}"


def id_of(name: str) -> str:
    """"datasets/fin" is "fin"."""
    return name.partition("/")[2] or name


def new_request_id() -> str:
    """Makes repeating a call safe: the server does it once."""
    return uuid.uuid4().hex
