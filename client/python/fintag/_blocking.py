"""The port of `Client`: blocking gRPC, and the means to run a flow on it without an event loop."""
from __future__ import annotations

import time
from typing import Any, AsyncGenerator, Callable, Coroutine, Generator, Generic, Iterator, NoReturn, TypeVar

import grpc

from ._methods import Method, Request, Response
from ._options import Metadata, Options, trace_id_of
from ._port import Result
from ._status import error_of
from .errors import FintagError

Item = TypeVar("Item")


def run(flow: Coroutine[Any, Any, Result]) -> Result:
    """The result of a flow on a blocking port."""
    try:
        flow.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    except FintagError as error:
        # The way through the flow would hide the caller's own line.
        raise error.with_traceback(None)
    flow.close()
    raise AssertionError("a flow on a blocking port waited for an event loop")


def iterate(flow: AsyncGenerator[Item, None]) -> Generator[Item, None, None]:
    """What a flow on a blocking port yields. Leaving the loop early ends the flow."""
    try:
        while True:
            try:
                item = run(_next(flow))
            except StopAsyncIteration:
                return
            yield item
    finally:
        run(flow.aclose())


async def _next(flow: AsyncGenerator[Item, None]) -> Item:
    return await flow.__anext__()


class BlockingPending(Generic[Response]):
    def __init__(self, port: BlockingPort, future: Any, metadata: Metadata) -> None:
        self._port, self._future, self._metadata = port, future, metadata

    async def result(self) -> Response:
        try:
            response: Response = self._future.result()
            return response
        except grpc.RpcError as error:
            self._port.fail(error, self._metadata)
        finally:
            # A no-op on what is done; what was interrupted ends on the server too.
            self._future.cancel()

    def cancel(self) -> None:
        self._future.cancel()


class BlockingPort:
    def __init__(self, options: Options) -> None:
        self.options = options
        arguments = options.channel_arguments()
        self._channel = (grpc.secure_channel(options.server, options.tls.credentials(), arguments) if options.tls else
                         grpc.insecure_channel(options.server, arguments))

    def close(self) -> None:
        self._channel.close()

    def start(self, method: Method[Request, Response], request: Request, timeout: float) -> BlockingPending[Response]:
        stub = self._channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        return BlockingPending(self, stub.future(request, timeout=timeout, metadata=metadata), metadata)

    async def send(self, method: Method[Request, Response], requests: Iterator[Request], timeout: float) -> Response:
        stub = self._channel.stream_unary(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        return await BlockingPending[Response](
            self, stub.future(requests, timeout=timeout, metadata=metadata), metadata).result()

    async def receive(self, method: Method[Request, Response], request: Request,
                      timeout: float) -> AsyncGenerator[Response, None]:
        stub = self._channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        stream = stub(request, timeout=timeout, metadata=metadata)
        try:
            for response in stream:
                yield response
        except grpc.RpcError as error:
            self.fail(error, metadata)
        finally:
            stream.cancel()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def offload(self, function: Callable[[], Result]) -> Result:
        return function()

    def fail(self, error: Any, sent: Metadata) -> NoReturn:
        raise error_of(error.code().name, error.details() or "", error.trailing_metadata(), self.options.server,
                       self.options.tls is not None, trace_id_of(sent)) from None
