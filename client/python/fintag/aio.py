"""The client for an event loop: the surface of `fintag.Client`, where each call is awaited. See there for details."""
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, AsyncGenerator, AsyncIterable, Iterable, List, Optional, Union, overload

from . import _admin, _jobs, _registry, _tagging
from ._asynchronous import AsyncPort
from ._jobs import JobView
from ._names import Name
from ._options import Tls, make_options
from ._progress import TrainingBar
from ._records import Source
from ._resources import Backup, Dataset, Model, ModelVersion
from ._tagged import TaggedText, TaggedTexts, TextLike, Words
from ._training import Epoch, Event, TrainingOptions
from .v1.training_pb2 import Job as JobMessage

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncClient:
    """One connection to a server, for one event loop: make it and close it in there. Arguments as `fintag.Client`."""

    def __init__(self, server: Optional[str] = None, token: Optional[str] = None, *, tls: Union[Tls, bool, None] = None,
                 timeout: float = 30.0, transfer_timeout: float = 600.0, retry_for: float = 10.0,
                 reconnect_for: float = 60.0, insecure_token: bool = False) -> None:
        self._port = AsyncPort(make_options(server, token, tls, insecure_token, timeout, transfer_timeout, retry_for,
                                            reconnect_for))
        self.datasets = AsyncDatasets(self._port)
        self.models = AsyncModels(self._port)
        self.jobs = AsyncJobs(self._port)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._port.close()

    def __repr__(self) -> str:
        return f"<AsyncClient of {self._port.options.server}>"

    async def upload(self, name: str, train: Source, validation: Optional[Source] = None) -> Dataset:
        """Iterables are read in a thread of their own."""
        return await _registry.upload_dataset(self._port, name, train, validation)

    async def train(self, *, dataset: Name, base: Name, model: Name, request_id: Optional[str] = None,
                    **options: Unpack[TrainingOptions]) -> AsyncJob:
        return AsyncJob(self._port, await _jobs.create_job(self._port, dataset, base, model, request_id, options))

    async def backup(self, file: Union[str, os.PathLike[str]]) -> Backup:
        return await _admin.backup(self._port, file)

    @overload
    async def tag(  # type: ignore[overload-overlap]  # as in client.py
        self, text: TextLike, *, model: Name, decoding: _tagging.Decoding = ..., words: bool = ...,
        timeout: Optional[float] = ...) -> TaggedText: ...

    @overload
    async def tag(self, text: Iterable[TextLike], *, model: Name, decoding: _tagging.Decoding = ..., words: bool = ...,
                  timeout: Optional[float] = ...) -> TaggedTexts: ...

    async def tag(self, text: Union[TextLike, Iterable[TextLike]], *, model: Name,
                  decoding: _tagging.Decoding = "argmax", words: bool = False,
                  timeout: Optional[float] = None) -> Union[TaggedText, TaggedTexts]:
        question = _tagging.TagQuestion(model, decoding, words, timeout or self._port.options.timeout)
        if isinstance(text, (str, Words)):
            return await _tagging.tag_one(self._port, question, text)
        return TaggedTexts(await _tagging.tag_all(self._port, question, text))

    def tag_stream(self, texts: Union[Iterable[TextLike], AsyncIterable[TextLike]], *, model: Name,
                   decoding: _tagging.Decoding = "argmax", words: bool = False,
                   timeout: Optional[float] = None) -> AsyncGenerator[TaggedText, None]:
        question = _tagging.TagQuestion(model, decoding, words, timeout or self._port.options.timeout)
        return _tagging.tag_many(self._port, question, texts)


class AsyncDatasets:
    """`AsyncClient.datasets`"""

    def __init__(self, port: AsyncPort) -> None:
        self._port = port

    async def get(self, name: Name) -> Dataset:
        return await _registry.get_dataset(self._port, name)

    async def list(self, limit: Optional[int] = None) -> List[Dataset]:
        return await _registry.list_datasets(self._port, limit)

    async def delete(self, name: Name) -> None:
        await _registry.delete_dataset(self._port, name)


class AsyncModels:
    """`AsyncClient.models`"""

    def __init__(self, port: AsyncPort) -> None:
        self._port = port

    async def import_(self, name: str, folder: Union[str, os.PathLike[str]], *,
                      request_id: Optional[str] = None) -> ModelVersion:
        return await _registry.import_model(self._port, name, folder, request_id)

    async def export(self, name: Name, folder: Union[str, os.PathLike[str]]) -> Path:
        return await _registry.export_model(self._port, name, folder)

    async def get(self, name: Name) -> Model:
        return await _registry.get_model(self._port, name)

    async def list(self, limit: Optional[int] = None) -> List[Model]:
        return await _registry.list_models(self._port, limit)

    async def delete(self, name: Name) -> None:
        await _registry.delete_model(self._port, name)


class AsyncJobs:
    """`AsyncClient.jobs`"""

    def __init__(self, port: AsyncPort) -> None:
        self._port = port

    async def get(self, name: Name) -> AsyncJob:
        return AsyncJob(self._port, await _jobs.get_job(self._port, name))

    async def list(self, limit: Optional[int] = None) -> List[AsyncJob]:
        return [AsyncJob(self._port, job) for job in await _jobs.list_jobs(self._port, limit)]

    async def delete(self, name: Name) -> None:
        await _jobs.delete_job(self._port, name)


class AsyncJob(JobView):
    """As `fintag.Job`."""

    def __init__(self, port: AsyncPort, message: JobMessage) -> None:
        super().__init__(message)
        self._port = port

    async def refresh(self) -> AsyncJob:
        self._take(await _jobs.get_job(self._port, self))
        return self

    async def events(self, after: int = 0) -> AsyncGenerator[Event, None]:
        stream = _jobs.watch_job(self._port, self, after)
        try:
            async for event in stream:
                self._hear(event)
                yield event
        finally:
            await stream.aclose()

    async def watch(self, progress: Optional[bool] = None) -> AsyncGenerator[Epoch, None]:
        events = self.events()
        with TrainingBar(self.model, progress) as bar:
            try:
                async for event in events:
                    bar.hear(event)
                    if isinstance(event.what, Epoch):
                        bar.hide()
                        yield event.what
            finally:
                await events.aclose()
        self._end()

    async def wait(self, progress: Optional[bool] = None) -> AsyncJob:
        async for _ in self.watch(progress):
            pass
        return self

    async def cancel(self) -> AsyncJob:
        self._take(await _jobs.cancel_job(self._port, self))
        return self

    async def delete(self) -> None:
        await _jobs.delete_job(self._port, self)
