"""What the flows need of a connection, and how often they use it.

Every flow (upload, train, watch, tag) is written once, as a coroutine on a `Port`. With the asynchronous port it runs
in an event loop; every coroutine of the blocking port does its work at once, so that `_blocking.run` can drive a flow
to its end without a loop.
"""
from __future__ import annotations

import logging
import random
import time
from typing import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, List, Optional, Protocol, TypeVar

from ._methods import Method, Repeat, Request, Response
from ._options import Options
from .errors import FintagError, ResourceExhausted, Unavailable

log = logging.getLogger("fintag")
Result = TypeVar("Result")
Answer = TypeVar("Answer", covariant=True)


class Pending(Protocol[Answer]):
    """A call under way."""

    async def result(self) -> Answer: ...

    def cancel(self) -> None: ...


class Port(Protocol):
    """One connection. Errors are those of `fintag.errors`; a timeout is that of one attempt."""

    @property
    def options(self) -> Options: ...

    def start(self, method: Method[Request, Response], request: Request, timeout: float) -> Pending[Response]:
        """One request, one answer."""

    async def send(self, method: Method[Request, Response], requests: Iterator[Request], timeout: float) -> Response:
        """Many requests, one answer."""

    def receive(self, method: Method[Request, Response], request: Request,
                timeout: float) -> AsyncGenerator[Response, None]:
        """One request, many answers."""

    async def sleep(self, seconds: float) -> None: ...

    async def offload(self, function: Callable[[], Result]) -> Result:
        """Runs what reads files or computes for long where it holds up nobody."""


class Backoff:
    """Grows from 0.1 to 2 s, with a fifth of chance so that many clients do not come back together."""

    def __init__(self) -> None:
        self._base = 0.1

    def next(self, error: FintagError) -> float:
        """Seconds to wait; longer where the server says so."""
        delay = self._base * random.uniform(0.8, 1.2)
        self._base = min(self._base * 2, 2.0)
        if isinstance(error, (ResourceExhausted, Unavailable)) and error.retry_after is not None:
            delay = max(delay, error.retry_after * random.uniform(1.0, 1.2))
        return delay


def may_repeat(error: FintagError, repeat: Repeat) -> bool:
    if repeat is Repeat.NEVER:
        return False
    # Without a time to try again it is the message that is too large, and stays so.
    full = isinstance(error, ResourceExhausted) and error.retry_after is not None
    return isinstance(error, Unavailable) or (repeat is Repeat.FULL and full)


async def repeated(port: Port, repeat: Repeat, timeout: float, attempt: Callable[[float], Awaitable[Result]]) -> Result:
    """Awaits `attempt(seconds left)` until it succeeds, may not be repeated or time is over."""
    start = time.monotonic()
    retry_until = start + min(timeout, port.options.retry_for)
    backoff = Backoff()
    told = False
    while True:
        try:
            return await attempt(max(start + timeout - time.monotonic(), 0.001))
        except FintagError as error:
            if not may_repeat(error, repeat):
                raise
            delay = backoff.next(error)
            if time.monotonic() + delay >= retry_until:
                raise
            if not told:
                log.warning("%s; trying again", error)
                told = True
        await port.sleep(delay)


async def call(port: Port, method: Method[Request, Response], request: Request,
               timeout: Optional[float] = None) -> Response:
    return await repeated(port, method.repeat, timeout or port.options.timeout,
                          lambda left: port.start(method, request, left).result())


async def transfer(port: Port, method: Method[Request, Response],
                   requests: Callable[[], Iterable[Request]]) -> Response:
    """Sends a stream; `requests` begins anew for each attempt."""
    async def attempt(left: float) -> Response:
        # gRPC would tell no more of an error in here than that there was one.
        failures: List[Exception] = []

        def guarded() -> Iterator[Request]:
            try:
                yield from requests()
            except Exception as error:
                failures.append(error)
                raise
        try:
            return await port.send(method, guarded(), left)
        except FintagError:
            if failures:
                raise failures[0] from None
            raise
    return await repeated(port, method.repeat, port.options.transfer_timeout, attempt)
