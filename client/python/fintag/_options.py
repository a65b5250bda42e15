"""How to reach the server and how long to wait: from arguments or the environment."""
from __future__ import annotations

import ipaddress
import os
import re
import secrets
from dataclasses import dataclass
from importlib.metadata import version
from typing import List, Mapping, Optional, Tuple, Union

import grpc

Metadata = Tuple[Tuple[str, str], ...]
# Answers with every word's tag are some ten times the text.
_LARGEST_ANSWER = 256 << 20
# Room for a hundred wrong lines of a dataset.
_LARGEST_METADATA = 1 << 20


@dataclass(frozen=True)
class Tls:
    """An encrypted connection. Files are PEM.

    `ca`: the certificates to trust (default: those of the system). `certificate` and `key`: the client's own, where the
    server asks for one. `server_name`: the name in the server's certificate, where it isn't the address' host.
    """

    ca: Optional[str] = None
    certificate: Optional[str] = None
    key: Optional[str] = None
    server_name: Optional[str] = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client's certificate and its key (FINTAG_CERTIFICATE, FINTAG_KEY) go together")

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(_content(self.ca), _content(self.key), _content(self.certificate))


@dataclass(frozen=True)
class Options:
    """Of one client. Seconds everywhere."""

    server: str
    token: Optional[str]
    tls: Optional[Tls]
    # Of one call, its retries included.
    timeout: float
    # Of an upload, an import or an export.
    transfer_timeout: float
    # How long a call that is safe to repeat is repeated while the server is away or, to tag, full.
    retry_for: float
    # How long a watch tries to come back to a server it has lost.
    reconnect_for: float
    # Of every call (W3C Trace Context); None: each has a trace of its own.
    traceparent: Optional[str] = None

    def metadata(self) -> Metadata:
        """Of one call."""
        trace = ("traceparent", self.traceparent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00")
        return (trace, ("authorization", f"Bearer {self.token}")) if self.token else (trace,)

    def channel_arguments(self) -> List[Tuple[str, Union[str, int]]]:
        arguments: List[Tuple[str, Union[str, int]]] = [
            ("grpc.max_receive_message_length", _LARGEST_ANSWER),
            ("grpc.max_metadata_size", _LARGEST_METADATA),
            # Retries are ours, so the channel must be ready to connect again at each.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.primary_user_agent", f"fintag-python/{version('fintag')}"),
        ]
        if self.tls and self.tls.server_name:
            arguments.append(("grpc.ssl_target_name_override", self.tls.server_name))
        if is_loopback(self.server):
            arguments.append(("grpc.enable_http_proxy", 0))
        return arguments


def make_options(server: Optional[str], token: Optional[str], tls: Union[Tls, bool, None], insecure_token: bool,
                 timeout: float, transfer_timeout: float, retry_for: float, reconnect_for: float,
                 environment: Mapping[str, str] = os.environ) -> Options:
    """What isn't given comes from the environment. ValueError names what is wrong."""
    server = server or environment.get("FINTAG_SERVER") or "localhost:50051"
    token = token or _token_of(environment)
    check_address(server)
    for name, seconds in (("timeout", timeout), ("transfer_timeout", transfer_timeout)):
        if not seconds > 0:
            raise ValueError(f"{name} must be over 0 seconds; it is {seconds}")
    if tls is None:
        tls = _tls_of(environment)
    elif isinstance(tls, bool):
        tls = (_tls_of(environment) or Tls()) if tls else None
    if token and not re.fullmatch(r"[!-~]+", token):
        raise ValueError("the token must be printable ASCII without spaces")
    if token and not (tls or insecure_token or is_loopback(server)):
        raise ValueError(f"the token would travel to {server} unencrypted: give tls=True (FINTAG_TLS=1) or FINTAG_CA, "
                         "or, where something else encrypts the connection, insecure_token=True")
    return Options(server, token, tls, timeout, transfer_timeout, retry_for, reconnect_for, _trace_of(environment))


def check_address(server: str) -> None:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:/\[\]\s]+):(\d{1,5})", server)
    if (found and 0 < int(found[2]) < 65536) or re.fullmatch(r"unix:.+", server):
        return
    raise ValueError(f"the server's address must be HOST:PORT, such as localhost:50051; it is {server!r}")


def is_loopback(server: str) -> bool:
    if server.startswith(("localhost:", "unix:")):
        return True
    try:
        # An address, parsed: the name "127.0.0.1.example.org" leads wherever its owner likes.
        return ipaddress.ip_address(server.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


def trace_id_of(metadata: Metadata) -> str:
    """By which the server's log has a call of this metadata."""
    return dict(metadata)["traceparent"].split("-")[1]


def _trace_of(environment: Mapping[str, str]) -> Optional[str]:
    for name in ("FINTAG_TRACEPARENT", "TRACEPARENT"):
        found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", environment.get(name, ""))
        if found and set(found[1]) != {"0"} and set(found[2]) != {"0"}:
            return found[0]
    return None


def _tls_of(environment: Mapping[str, str]) -> Optional[Tls]:
    ca, certificate, key = (environment.get(f"FINTAG_{name}") or None for name in ("CA", "CERTIFICATE", "KEY"))
    return Tls(ca, certificate, key) if _is_on("FINTAG_TLS", environment) or ca or certificate or key else None


def _is_on(name: str, environment: Mapping[str, str]) -> bool:
    """By the words and numbers that the program `fintag` takes for a flag."""
    value = environment.get(name, "")
    if value.lower() in ("true", "on", "yes", "enable", "t", "y", "+"):
        return True
    if value.lower() in ("", "false", "off", "no", "disable", "f", "n", "-"):
        return False
    try:
        return int(value) > 0
    except ValueError:
        raise ValueError(f"{name} must be true or false; it is {value!r}") from None


def _token_of(environment: Mapping[str, str]) -> Optional[str]:
    path = environment.get("FINTAG_TOKEN_FILE")
    content = _content(path or None)
    if content is None:
        return environment.get("FINTAG_TOKEN")
    token = content.decode("ascii", "replace").strip()
    if not token:
        raise ValueError(f"{path} holds no token")
    return token


def _content(path: Optional[str]) -> Optional[bytes]:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()
