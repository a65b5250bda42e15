"""From a status of gRPC, with its details, to an exception of this package."""
from __future__ import annotations

from typing import Iterable, Optional, Tuple, Type, Union

import google.rpc.error_details_pb2 as details_pb2
import google.rpc.status_pb2 as status_pb2
from google.protobuf.message import DecodeError

from . import errors

_SIMPLE: "dict[str, Type[errors.FintagError]]" = {
    kind.code: kind for kind in (
        errors.NotFound, errors.AlreadyExists, errors.FailedPrecondition, errors.DeadlineExceeded, errors.Cancelled,
        errors.OutOfRange, errors.Unauthenticated, errors.PermissionDenied, errors.Unimplemented, errors.DataLoss,
        errors.Internal)
}
Metadata = Iterable[Tuple[str, Union[str, bytes]]]


def error_of(code: str, message: str, metadata: Optional[Metadata], server: str, secure: bool,
             trace_id: str) -> errors.FintagError:
    """`code` is the status' name; `metadata` what came behind the answer; `trace_id` the call's."""
    status = _details(metadata)
    error = _error_of(code, message, status, server, secure)
    # Without details it is the channel that speaks.
    error.trace_id = trace_id if status else None
    return error


def _error_of(code: str, message: str, status: Optional[status_pb2.Status], server: str,
              secure: bool) -> errors.FintagError:
    if code == "UNAVAILABLE" and status is None:
        # The service gives details with every error; the channel has none.
        return errors.ConnectionFailed(_what_to_check(message, server, secure))
    if code == "INVALID_ARGUMENT":
        return errors.InvalidArgument(message, _violations(status))
    if code == "RESOURCE_EXHAUSTED":
        return errors.ResourceExhausted(message, _retry_after(status))
    if code == "UNAVAILABLE":
        return errors.Unavailable(message, _retry_after(status))
    if code in _SIMPLE:
        return _SIMPLE[code](message)
    return errors.FintagError(f"{code}: {message}")


def _what_to_check(message: str, server: str, secure: bool) -> str:
    speaks = "It is spoken to with TLS" if secure else "It is spoken to without TLS"
    return (f"cannot reach the server at {server}: {message}. Is fintagd running, and is this its address "
            f"(server=... or FINTAG_SERVER)? {speaks} (tls=..., FINTAG_TLS or FINTAG_CA): is that how it listens?")


def _details(metadata: Optional[Metadata]) -> Optional[status_pb2.Status]:
    for key, value in metadata or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status = status_pb2.Status()
            try:
                status.ParseFromString(value)
            except DecodeError:  # not the service's: a proxy's
                return None
            return status
    return None


def _violations(status: Optional[status_pb2.Status]) -> Tuple[errors.FieldViolation, ...]:
    detail = details_pb2.BadRequest()
    for packed in status.details if status else ():
        if packed.Unpack(detail):
            return tuple(errors.FieldViolation(v.field, v.description) for v in detail.field_violations)
    return ()


def _retry_after(status: Optional[status_pb2.Status]) -> Optional[float]:
    detail = details_pb2.RetryInfo()
    for packed in status.details if status else ():
        if packed.Unpack(detail):
            return float(detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
    return None
