"""The port of `AsyncClient`: gRPC in an event loop."""
from __future__ import annotations

import asyncio
from typing import Any, AsyncGenerator, Callable, Generic, Iterator, NoReturn

import grpc.aio

from ._methods import Method, Request, Response
from ._options import Options
from ._port import Result
from ._status import error_of


class AsyncPending(Generic[Response]):
    def __init__(self, port: AsyncPort, call: Any) -> None:
        self._port, self._call = port, call

    async def result(self) -> Response:
        try:
            response: Response = await self._call
            return response
        except grpc.aio.AioRpcError as error:
            self._port.fail(error)
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
        self._metadata = options.metadata()

    async def close(self) -> None:
        await self._channel.close()

    def start(self, method: Method[Request, Response], request: Request, timeout: float) -> AsyncPending[Response]:
        stub = self._channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        return AsyncPending(self, stub(request, timeout=timeout, metadata=self._metadata))

    async def send(self, method: Method[Request, Response], requests: Iterator[Request], timeout: float) -> Response:
        stub = self._channel.stream_unary(method.path, method.request.SerializeToString, method.response.FromString)
        return await AsyncPending[Response](self, stub(requests, timeout=timeout, metadata=self._metadata)).result()

    async def receive(self, method: Method[Request, Response], request: Request,
                      timeout: float) -> AsyncGenerator[Response, None]:
        stub = self._channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        stream = stub(request, timeout=timeout, metadata=self._metadata)
        try:
            async for response in stream:
                yield response
        except grpc.aio.AioRpcError as error:
            self.fail(error)
        finally:
            stream.cancel()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(None, function)

    def fail(self, error: grpc.aio.AioRpcError) -> NoReturn:
        metadata: Any = error.trailing_metadata()
        raise error_of(error.code().name, error.details() or "", metadata, self.options.server,
                       self.options.tls is not None) from None
