"""Flows of datasets and models: upload, import, export, get, list, delete."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple, TypeVar, Union

from . import _methods as methods
from ._files import FolderOnArrival, checkpoint_files, chunks, describe
from ._methods import Method
from ._names import Name, full_name, id_of, new_request_id
from ._port import Port, call, repeated, transfer
from ._records import Source, is_file, write_json_lines
from ._resources import Dataset, Model, ModelVersion
from .v1 import dataset_pb2, model_pb2

PathLike = Union[str, "os.PathLike[str]"]
Item = TypeVar("Item")
Described = Tuple[Path, dataset_pb2.FileDescription]
# At most that many wrong lines are listed; the server's own limit.
_MAX_ERRORS = 100
_PAGE = 200


async def upload_dataset(port: Port, name: str, train: Source, validation: Optional[Source]) -> Dataset:
    with tempfile.TemporaryDirectory(prefix="fintag-") as work:
        def prepare() -> List[Described]:
            parts = [("train", train)] + ([("validation", validation)] if validation is not None else [])
            return [_part(part, source, Path(work)) for part, source in parts]

        files = await port.offload(prepare)
        start = dataset_pb2.UploadDatasetStart(
            dataset_id=id_of(full_name("datasets", name)), max_errors=_MAX_ERRORS, train=files[0][1],
            validation=files[1][1] if len(files) > 1 else None)

        def requests() -> Iterator[dataset_pb2.UploadDatasetRequest]:
            yield dataset_pb2.UploadDatasetRequest(start=start)
            for path, description in files:
                for chunk in chunks(path, description.size_bytes):
                    yield dataset_pb2.UploadDatasetRequest(chunk=chunk)
        return Dataset.of(await transfer(port, methods.UPLOAD_DATASET, requests))


def _part(part: str, source: Source, work: Path) -> Described:
    if is_file(source):
        path = Path(os.fspath(source))  # type: ignore[arg-type]
        return path, describe(path, path.name)
    path = work / f"{part}.jsonl"
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        write_json_lines(source, part, out)
    return path, describe(path, path.name)


async def get_dataset(port: Port, name: Name) -> Dataset:
    request = dataset_pb2.GetDatasetRequest(name=full_name("datasets", name))
    return Dataset.of(await call(port, methods.GET_DATASET, request))


async def list_datasets(port: Port, limit: Optional[int]) -> List[Dataset]:
    return await pages(port, methods.LIST_DATASETS, limit, lambda page: [Dataset.of(d) for d in page.datasets])


async def delete_dataset(port: Port, name: Name) -> None:
    await call(port, methods.DELETE_DATASET, dataset_pb2.DeleteDatasetRequest(name=full_name("datasets", name)))


async def import_model(port: Port, name: str, folder: PathLike, request_id: Optional[str]) -> ModelVersion:
    files = await port.offload(
        lambda: [(path, describe(path, path.name)) for path in checkpoint_files(Path(folder))])
    start = model_pb2.ImportModelStart(model_id=id_of(full_name("models", name)),
                                       request_id=request_id or new_request_id(),
                                       files=[description for _, description in files])

    def requests() -> Iterator[model_pb2.ImportModelRequest]:
        yield model_pb2.ImportModelRequest(start=start)
        for path, description in files:
            for chunk in chunks(path, description.size_bytes):
                yield model_pb2.ImportModelRequest(chunk=chunk)
    return ModelVersion.of(await transfer(port, methods.IMPORT_MODEL, requests))


async def export_model(port: Port, name: Name, folder: PathLike) -> Path:
    request = model_pb2.ExportModelRequest(name=full_name("models", name))
    with FolderOnArrival(Path(folder)) as arrival:
        async def attempt(left: float) -> None:
            stream = port.receive(methods.EXPORT_MODEL, request, left)
            try:
                async for message in stream:
                    if message.HasField("start"):
                        arrival.begin(message.start.files)
                    else:
                        arrival.write(message.chunk.data)
            finally:
                await stream.aclose()

        await repeated(port, methods.EXPORT_MODEL.repeat, port.options.transfer_timeout, attempt)
        arrival.finish()
    return arrival.folder


async def get_model(port: Port, name: Name) -> Model:
    return Model.of(await call(port, methods.GET_MODEL, model_pb2.GetModelRequest(name=full_name("models", name))))


async def list_models(port: Port, limit: Optional[int]) -> List[Model]:
    return await pages(port, methods.LIST_MODELS, limit, lambda page: [Model.of(m) for m in page.models])


async def delete_model(port: Port, name: Name) -> None:
    await call(port, methods.DELETE_MODEL, model_pb2.DeleteModelRequest(name=full_name("models", name)))


async def pages(port: Port, method: Method[Any, Any], limit: Optional[int],
                items: Callable[[Any], List[Item]]) -> List[Item]:
    """Follows the pages of a list, the newest first."""
    found: List[Item] = []
    token = ""
    while limit is None or len(found) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(found))
        page = await call(port, method, method.request(page_size=size, page_token=token))
        found += items(page)
        token = page.next_page_token
        if not token:
            break
    return found
