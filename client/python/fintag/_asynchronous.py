"""The port of `AsyncClient`: gRPC in an event loop."""
from __future__ import annotations

import asyncio
from typing import Any, AsyncGenerator, Callable, Generic, Iterator, NoReturn

import grpc.aio

from ._methods import Method, Request, Response
from ._options import Metadata, Options, trace_id_of
from ._port import Result
from ._status import error_of


class AsyncPending(Generic[Response]):
    def __init__(self, port: AsyncPort, call: Any, metadata: Metadata) -> None:
        self._port, self._call, self._metadata = port, call, metadata

    async def result(self) -> Response:
        try:
            response: Response = await self._call
            return response
        except grpc.aio.AioRpcError as error:
            self._port.fail(error, self._metadata)
        finally:
            self._call.cancel()

    def cancel(self) -> None:
        self._call.cancel()


class AsyncPort:
    def __init__(self, options: Options) -> None:
        self.options = options
        arguments = options.channel_arguments()
        self._channel = (grpc.aio.secure_channel(options.server, options.tls.credentials(), arguments) if options.tls
                         else grpc.aio.insecure_channel(options.server, arguments))

    async def close(self) -> None:
        await self._channel.close()

    def start(self, method: Method[Request, Response], request: Request, timeout: float) -> AsyncPending[Response]:
        stub = self._channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        return AsyncPending(self, stub(request, timeout=timeout, metadata=metadata), metadata)

    async def send(self, method: Method[Request, Response], requests: Iterator[Request], timeout: float) -> Response:
        stub = self._channel.stream_unary(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        return await AsyncPending[Response](
            self, stub(requests, timeout=timeout, metadata=metadata), metadata).result()

    async def receive(self, method: Method[Request, Response], request: Request,
                      timeout: float) -> AsyncGenerator[Response, None]:
        stub = self._channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        metadata = self.options.metadata()
        stream = stub(request, timeout=timeout, metadata=metadata)
        try:
            async for response in stream:
                yield response
        except grpc.aio.AioRpcError as error:
            self.fail(error, metadata)
        finally:
            stream.cancel()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(None, function)

    def fail(self, error: grpc.aio.AioRpcError, sent: Metadata) -> NoReturn:
        received: Any = error.trailing_metadata()
        raise error_of(error.code().name, error.details() or "", received, self.options.server,
                       self.options.tls is not None, trace_id_of(sent)) from None
