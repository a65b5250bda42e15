"""Files on their way to and from the server: described by size and SHA-256, sent in chunks, checked on arrival."""
from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any, Iterable, Iterator, List, Optional, Sequence, Tuple

from .errors import DataLoss
from .v1 import dataset_pb2

_CHUNK = 256 << 10
# Of a Hugging Face checkpoint folder, what the service has use for.
_PLAIN = {"config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
          "added_tokens.json", "fintag.json", "model.safetensors", "model.safetensors.index.json"}
_PICKLED = "pytorch_model.bin"


def describe(path: Path, name: str) -> dataset_pb2.FileDescription:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return dataset_pb2.FileDescription(file_name=name, size_bytes=size, sha256=digest.hexdigest())


def chunks(path: Path, size: int) -> Iterator[dataset_pb2.FileChunk]:
    """The `size` bytes that were described; OSError if the file changed since."""
    with open(path, "rb") as file:
        while size > 0:
            data = file.read(min(size, _CHUNK))
            if not data:
                raise OSError(f"{path}: the file became shorter while it was sent")
            size -= len(data)
            yield dataset_pb2.FileChunk(data=data)


def checkpoint_files(folder: Path) -> List[Path]:
    """Configuration, vocabulary, tokenizer and weights (safetensors, or pickled ones where there are none)."""
    names = {path.name: path for path in folder.iterdir() if path.is_file()}
    weights = {name for name in names if name.endswith(".safetensors") and name.startswith(("model.", "model-"))}
    if not weights:
        weights = names.keys() & {_PICKLED}
    if "config.json" not in names:
        raise FileNotFoundError(f"{folder} has no config.json: give the folder of a Hugging Face checkpoint")
    if not weights:
        raise FileNotFoundError(f"{folder} has no weights: neither model.safetensors nor {_PICKLED}")
    return [names[name] for name in sorted((names.keys() & _PLAIN) | weights)]


class FileOnArrival:
    """A file that appears whole or not at all: it grows beside its place, and is renamed once it is on the disk.

    with FileOnArrival(path) as arrival: begin(), write(data) ..., finish(). Each `begin` starts over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._file: Optional[IO[bytes]] = None
        self._digest = hashlib.sha256()

    def __enter__(self) -> FileOnArrival:
        # Readable by its owner alone.
        self._file = tempfile.NamedTemporaryFile(prefix=f"{self.path.name}.part-", dir=self.path.parent, delete=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            os.unlink(self._file.name)

    def begin(self) -> None:
        assert self._file
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        assert self._file
        self._file.write(data)
        self._digest.update(data)

    def finish(self, size: int, sha256: str) -> None:
        """Puts the file in its place, if it is what was sent."""
        assert self._file
        if self._file.tell() != size or self._digest.hexdigest() != sha256:
            raise DataLoss(f"{self.path.name} arrived damaged: its size or SHA-256 is wrong")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._file.name, self.path)
        self._file = None


class FolderOnArrival:
    """A folder that appears whole or not at all: it grows beside its place and is renamed when every checksum is right.

    with FolderOnArrival(path) as arrival: begin(descriptions), write(data) ..., finish(). Each `begin` starts over.
    """

    def __init__(self, folder: Path) -> None:
        """FileExistsError unless the folder is absent or empty."""
        self.folder = folder.absolute()
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise FileExistsError(f"{folder} is there and not empty: name a new or an empty folder")
        self._part: Optional[Path] = None
        self._left: List[Tuple[str, int, str]] = []
        self._file: Optional[IO[bytes]] = None
        self._digest: Any = None
        self._missing = 0

    def __enter__(self) -> FolderOnArrival:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._part = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.part-", dir=self.folder.parent))
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if self._part:
            shutil.rmtree(self._part, ignore_errors=True)

    def begin(self, files: Iterable[dataset_pb2.FileDescription]) -> None:
        self._close()
        assert self._part
        shutil.rmtree(self._part)
        self._part.mkdir()
        self._left = [(file.file_name, file.size_bytes, file.sha256) for file in files]
        _check_names([name for name, _, _ in self._left])
        self._open_next()

    def write(self, data: bytes) -> None:
        while data:
            if self._file is None:
                raise DataLoss("the server sent more than it had described")
            piece, data = data[:self._missing], data[self._missing:]
            self._file.write(piece)
            self._digest.update(piece)
            self._missing -= len(piece)
            if self._missing == 0:
                self._end_file()
                self._open_next()

    def finish(self) -> None:
        """Puts the folder in its place."""
        if self._file is not None or self._left or not self._part:
            raise DataLoss("the server's answer ended too early")
        umask = os.umask(0)
        os.umask(umask)
        self._part.chmod(0o777 & ~umask)  # mkdtemp made it private
        # An empty folder is replaced.
        os.replace(self._part, self.folder)
        self._part = None

    def _open_next(self) -> None:
        assert self._part
        while self._left:
            name, self._missing, _ = self._left[0]
            self._file = open(self._part / name, "wb")
            self._digest = hashlib.sha256()
            if self._missing > 0:
                return
            self._end_file()

    def _end_file(self) -> None:
        self._close()
        name, _, sha256 = self._left.pop(0)
        if self._digest.hexdigest() != sha256:
            raise DataLoss(f"{name} arrived damaged: its SHA-256 is {self._digest.hexdigest()}, must be {sha256}")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name in ("", ".", "..") or any(character in name for character in "/\\\0"):
            raise DataLoss(f"the server sent a bad file name: {name!r}")
    if len(set(names)) != len(names):
        raise DataLoss(f"the server sent a file name twice: {', '.join(names)}")
