"""What an operator asks of a server: backups."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Union

from . import _methods as methods
from ._files import FileOnArrival
from ._port import Port, repeated
from ._resources import Backup
from .errors import DataLoss
from .v1 import admin_pb2


async def backup(port: Port, file: Union[str, "os.PathLike[str]"]) -> Backup:
    start: Optional[admin_pb2.BackupStart] = None
    end: Optional[admin_pb2.BackupEnd] = None
    with FileOnArrival(Path(file)) as arrival:
        async def attempt(left: float) -> None:
            nonlocal start, end
            arrival.begin()
            stream = port.receive(methods.BACKUP, admin_pb2.BackupRequest(), left)
            try:
                async for message in stream:
                    if message.HasField("start"):
                        start = message.start
                    elif message.HasField("end"):
                        end = message.end
                    else:
                        arrival.write(message.chunk.data)
            finally:
                await stream.aclose()

        await repeated(port, methods.BACKUP.repeat, port.options.transfer_timeout, attempt)
        if start is None or end is None:
            raise DataLoss("the server's answer ended too early")
        arrival.finish(end.size_bytes, end.sha256)
    return Backup.of(arrival.path, start, end)
