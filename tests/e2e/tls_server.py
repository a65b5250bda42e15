"""A server with TLS, and the programs run against one."""
import os
import ssl
import subprocess
import urllib.error
import urllib.request

import grpc
from certificates import install
from conftest import BIN, PATIENCE, Server
from grpc_health.v1 import health_pb2, health_pb2_grpc


class TlsServer(Server):
    """Its certificate and key lie in files of their own, to be changed."""

    def __init__(self, folder, authority, *options):
        self.authority = authority
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        install(authority.sign("server"), self.certificate, self.key)
        super().__init__(folder / "data", "--tls-cert", self.certificate, "--tls-key", self.key, *options)
        self.http = self.http.replace("http://", "https://")

    def connect(self, credentials=None):
        return super().connect(credentials or self.credentials())

    def credentials(self, pair=None, authority=None):
        pair = [file.read_bytes() for file in pair] if pair else (None, None)
        return grpc.ssl_channel_credentials((authority or self.authority).certificate.read_bytes(), pair[1], pair[0])

    def get(self, path, pair=None, headers=None):
        """(status, body) over HTTPS."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if pair:
            context.load_cert_chain(*pair)
        request = urllib.request.Request(f"{self.http}/{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def serves(channel):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5 * PATIENCE).status == 1


def fintag(server, *arguments, timeout=2, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("FINTAG_")}
    return subprocess.run([BIN / "fintag", "--server", server.address, "--timeout", str(timeout * PATIENCE), *arguments],
                          capture_output=True, text=True, check=False, timeout=60, env=known | environment)


def fintagd(*options, seconds=20):
    """Of a server that is not to start: (exit status, what it said)."""
    ended = subprocess.run([BIN / "fintagd", *map(str, options)], capture_output=True, text=True, check=False,
                           timeout=seconds * PATIENCE)
    return ended.returncode, ended.stderr
