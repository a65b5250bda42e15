"""What can go wrong, as exceptions: one class for each status of the service, and what happens to jobs.

Each has `message` and `code` (the status' name, such as "NOT_FOUND"). Where Python has an exception of the same meaning
(ValueError, TimeoutError, ConnectionError) ours is one of these too.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from ._jobs import JobView


@dataclass(frozen=True)
class FieldViolation:
    """A wrong field of a request ("spec.options.epochs", "inputs[3]"), or a wrong line of a dataset ("train:12")."""

    field: str
    description: str

    @property
    def part(self) -> Optional[str]:
        """"train" or "validation" if a line of a dataset is wrong."""
        found = re.fullmatch(r"(train|validation):\d+", self.field)
        return found[1] if found else None

    @property
    def line(self) -> Optional[int]:
        """The wrong line of a file, from 1; of lists, tables and datasets the number of the sentence."""
        return int(self.field.rpartition(":")[2]) if self.part else None

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class FintagError(Exception):
    """Any error of this package."""

    code: ClassVar[str] = "UNKNOWN"

    # By which the server's log has the call, where the server answered it.
    trace_id: Optional[str] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} (trace id {self.trace_id})" if self.trace_id else self.message


class InvalidArgument(FintagError, ValueError):
    """The request is wrong; `fields` says where, if the service named places."""

    code = "INVALID_ARGUMENT"
    # The message shows no more than these; `fields` has them all.
    SHOWN: ClassVar[int] = 10

    def __init__(self, message: str, fields: Sequence[FieldViolation] = ()) -> None:
        super().__init__(message)
        self.fields: Tuple[FieldViolation, ...] = tuple(fields)

    def __str__(self) -> str:
        lines = [self.message]
        # With one field the message of the service says the same.
        if len(self.fields) > 1:
            lines += [f"  {field}" for field in self.fields[:self.SHOWN]]
        if len(self.fields) > self.SHOWN:
            lines.append(f"  and {len(self.fields) - self.SHOWN} more")
        if self.trace_id:
            lines.append(f"(trace id {self.trace_id})")
        return "\n".join(lines)


class NotFound(FintagError):
    """There is no such dataset, model or job."""

    code = "NOT_FOUND"


class AlreadyExists(FintagError):
    """The name is taken by something else."""

    code = "ALREADY_EXISTS"


class FailedPrecondition(FintagError):
    """Not in this state: a job that is done cannot be cancelled, what a job needs cannot be deleted."""

    code = "FAILED_PRECONDITION"


class ResourceExhausted(FintagError):
    """A limit of the server; `retry_after` says in how many seconds it may have room again, if it knows."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, retry_after: Optional[float] = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(FintagError):
    """The server stops or starts."""

    code = "UNAVAILABLE"

    def __init__(self, message: str, retry_after: Optional[float] = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectionFailed(Unavailable, ConnectionError):
    """The server could not be reached, or the connection broke. The message says what to check."""


class DeadlineExceeded(FintagError, TimeoutError):
    """No answer in the time that the client was given."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(FintagError):
    """The call was cancelled."""

    code = "CANCELLED"


class OutOfRange(FintagError, ValueError):
    """A place behind the end: a job has no event of that number."""

    code = "OUT_OF_RANGE"


class Unauthenticated(FintagError):
    """The server wants a token (or another one)."""

    code = "UNAUTHENTICATED"


class PermissionDenied(FintagError):
    """The token may not do this."""

    code = "PERMISSION_DENIED"


class Unimplemented(FintagError):
    """The server does not know this call: it is older than this package, or no Fintag."""

    code = "UNIMPLEMENTED"


class DataLoss(FintagError):
    """Something stored or sent is damaged."""

    code = "DATA_LOSS"


class Internal(FintagError):
    """The server's fault; its log says more."""

    code = "INTERNAL"


class JobFailed(FintagError):
    """The job ended without a model; `reason` is the trainer's own."""

    code = "FAILED"

    def __init__(self, message: str, job: "Optional[JobView]" = None, reason: str = "") -> None:
        super().__init__(message)
        self.job = job
        self.reason = reason


class JobCancelled(FintagError):
    """Somebody cancelled the job while it was waited for."""

    code = "CANCELLED"

    def __init__(self, message: str, job: "Optional[JobView]" = None) -> None:
        super().__init__(message)
        self.job = job
