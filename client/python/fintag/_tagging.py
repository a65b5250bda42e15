"""Flows of tagging: one text, or any number of them in requests that stay below the server's limits.

A few requests are under way at once, each with its own deadline and its own retries, and answers are given in order:
what lies in memory is bounded by these requests, however long the input is.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import AsyncGenerator, AsyncIterable, AsyncIterator, Deque, Iterable, List, Literal, Tuple, Union

from . import _methods as methods
from ._names import Name, full_name
from ._port import Pending, Port, call, repeated
from ._tagged import TaggedText, TextLike, Words
from .errors import FieldViolation, InvalidArgument
from .v1 import tagging_pb2 as pb

# "argmax": each word's best tag. "constrained": the best legal sequence of tags.
Decoding = Literal["argmax", "constrained"]

# Far below the limits of server/api/API.md, and enough to fill the model's batches.
_BATCH_TEXTS = 64
_BATCH_BYTES = 64 << 10
_UNDER_WAY = 4


@dataclass(frozen=True)
class TagQuestion:
    """What is the same for all texts."""

    model: Name
    decoding: Decoding
    words: bool
    timeout: float

    def request(self, inputs: List[pb.TextInput]) -> pb.TagRequest:
        if self.decoding not in ("argmax", "constrained"):
            raise ValueError(f"decoding must be 'argmax' or 'constrained'; it is {self.decoding!r}")
        decoding = pb.DECODING_CONSTRAINED if self.decoding == "constrained" else pb.DECODING_ARG_MAX
        return pb.TagRequest(model=full_name("models", self.model), inputs=inputs,
                             options=pb.TagOptions(decoding=decoding, include_words=self.words))


@dataclass
class _Batch:
    first: int  # number of its first text, from 0
    texts: List[TextLike]
    inputs: List[pb.TextInput]


async def tag_one(port: Port, question: TagQuestion, text: TextLike) -> TaggedText:
    request = question.request([_input(text, 0)[0]])
    response = await call(port, methods.TAG, request, question.timeout)
    return TaggedText.of(text, response.results[0], response.model_version)


async def tag_many(port: Port, question: TagQuestion,
                   texts: Union[Iterable[TextLike], AsyncIterable[TextLike]]) -> AsyncGenerator[TaggedText, None]:
    window: Deque[Tuple[_Batch, Pending[pb.TagResponse]]] = deque()
    each = _each(texts)
    batches = _batches(each)
    try:
        async for batch in batches:
            window.append((batch, port.start(methods.TAG, question.request(batch.inputs), question.timeout)))
            if len(window) == _UNDER_WAY:
                for result in await _answer(port, question, *window.popleft()):
                    yield result
        while window:
            for result in await _answer(port, question, *window.popleft()):
                yield result
    finally:
        for _, pending in window:
            pending.cancel()
        await batches.aclose()
        await each.aclose()


async def tag_all(port: Port, question: TagQuestion, texts: Iterable[TextLike]) -> List[TaggedText]:
    return [result async for result in tag_many(port, question, texts)]


async def _answer(port: Port, question: TagQuestion, batch: _Batch,
                  pending: Pending[pb.TagResponse]) -> List[TaggedText]:
    under_way = [pending]

    async def attempt(left: float) -> pb.TagResponse:
        tagged = under_way.pop() if under_way else port.start(methods.TAG, question.request(batch.inputs), left)
        return await tagged.result()
    try:
        response = await repeated(port, methods.TAG.repeat, question.timeout, attempt)
    except InvalidArgument as error:
        raise _renumbered(error, batch.first) from None
    return [TaggedText.of(text, result, response.model_version)
            for text, result in zip(batch.texts, response.results)]


async def _each(texts: Union[Iterable[TextLike], AsyncIterable[TextLike]]) -> AsyncGenerator[TextLike, None]:
    if isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text


async def _batches(texts: AsyncIterator[TextLike]) -> AsyncGenerator[_Batch, None]:
    batch, size, number = _Batch(0, [], []), 0, 0
    async for text in texts:
        item, more = _input(text, number)
        if batch.texts and (len(batch.texts) == _BATCH_TEXTS or size + more > _BATCH_BYTES):
            yield batch
            batch, size = _Batch(number, [], []), 0
        batch.texts.append(text)
        batch.inputs.append(item)
        size += more
        number += 1
    if batch.texts:
        yield batch


def _input(text: TextLike, number: int) -> Tuple[pb.TextInput, int]:
    """And its size in bytes."""
    try:
        if isinstance(text, str):
            item = pb.TextInput(text=text)
        elif isinstance(text, Words):
            item = pb.TextInput(words=pb.Words(words=list(text.words)))
        else:
            raise TypeError(f"a text must be a str or fintag.Words, not {type(text).__name__}")
        return item, item.ByteSize()
    except (TypeError, ValueError) as error:
        field = FieldViolation(f"inputs[{number}]", str(error))
        raise InvalidArgument(f"{field}", [field]) from None


def _renumbered(error: InvalidArgument, first: int) -> InvalidArgument:
    """With the number that a text has in the whole input, not in its request."""
    fields, message = [], error.message
    for field in error.fields:
        head, _, rest = field.field.partition("]")
        number = head[len("inputs["):]
        if head.startswith("inputs[") and number.isdigit():
            name = f"inputs[{first + int(number)}]{rest}"
            message = message.replace(field.field, name)
            field = FieldViolation(name, field.description)
        fields.append(field)
    renumbered = InvalidArgument(message, fields)
    renumbered.trace_id = error.trace_id
    return renumbered
