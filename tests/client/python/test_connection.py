"""Addresses, time-outs, retries, TLS and tokens."""
import concurrent.futures
import hashlib
import logging
import os
import pickle
import re
import signal
import socket
import subprocess
import threading
import time

import fintag
import grpc
import pytest
from conftest import BIN, PATIENCE, TEXTS
from fintag._options import make_options


def options(environment=None, **given):
    arguments = {"server": None, "token": None, "tls": None, "insecure_token": False, "timeout": 1,
                 "transfer_timeout": 1, "retry_for": 1, "reconnect_for": 1} | given
    return make_options(**arguments, environment=environment or {})


def test_arguments_come_before_the_environment():
    assert options().server == "localhost:50051" and options().tls is None
    environment = {"FINTAG_SERVER": "tags.bank.example:443", "FINTAG_TOKEN": "secret", "FINTAG_CA": "ca.pem"}
    found = options(environment)
    assert found.server == "tags.bank.example:443" and found.tls == fintag.Tls(ca="ca.pem")
    assert dict(found.metadata())["authorization"] == "Bearer secret"
    found = options(environment, server="localhost:1", token="mine", tls=fintag.Tls(ca="other.pem"))
    assert (found.server, found.token, found.tls.ca) == ("localhost:1", "mine", "other.pem")
    assert options(environment, server="localhost:1", tls=False).tls is None


def both_say(**environment):
    """What the package and the program `fintag` say of a token for an address that is nobody's (RFC 5737)."""
    environment = {"FINTAG_SERVER": "192.0.2.1:1", "FINTAG_TOKEN": "secret"} | environment
    program = subprocess.run([BIN / "fintag", "--timeout", "0.2", "jobs", "list"], env=os.environ | environment,
                             capture_output=True, text=True, check=False).stderr
    try:
        return str(options(environment).tls), program
    except ValueError as error:
        return str(error), program


@pytest.mark.parametrize("word", ["1", "2", "true", "TRUE", "On", "yes", "enable", "t", "Y", "+"])
def test_the_environment_asks_for_tls(word):
    package, program = both_say(FINTAG_TLS=word)
    assert package == str(fintag.Tls()) and "192.0.2.1:1" in program and "unencrypted" not in program


@pytest.mark.parametrize("word", ["", "0", "-1", "false", "OFF", "No", "disable", "f", "n", "-"])
def test_the_environment_asks_for_no_tls(word):
    assert all("unencrypted" in said for said in both_say(FINTAG_TLS=word))
    assert options({"FINTAG_TLS": word, "FINTAG_CA": "ca.pem"}).tls == fintag.Tls(ca="ca.pem")


def test_tls_of_the_environment_and_of_arguments():
    environment = {"FINTAG_TLS": "1", "FINTAG_CA": "ca.pem"}
    assert options(environment).tls == options(environment, tls=True).tls == fintag.Tls(ca="ca.pem")
    assert options(environment, tls=False).tls is None
    assert all("FINTAG_TLS" in said or "--tls" in said for said in both_say(FINTAG_TLS="maybe"))


def test_a_token_file_comes_before_a_token(tmp_path):
    file = tmp_path / "token"
    file.write_text("the-files\n", encoding="utf-8")
    environment = {"FINTAG_TOKEN": "the variable's", "FINTAG_TOKEN_FILE": str(file)}
    assert options(environment).token == "the-files" and options(environment, token="mine").token == "mine"
    assert all("unencrypted" in said for said in both_say(**environment))
    assert all("must be printable" in said for said in both_say(**environment | {"FINTAG_TOKEN_FILE": ""}))
    file.write_text(" \n", encoding="utf-8")
    assert all(f"{file} holds no token" in said for said in both_say(**environment))


def test_each_call_has_a_trace_of_its_own_unless_the_environment_has_one():
    def trace(**environment):
        return dict(options(environment).metadata())["traceparent"]
    given, other = (f"00-{digit * 32}-00f067aa0ba902b7-01" for digit in "ab")
    assert trace(TRACEPARENT=given) == given and trace(TRACEPARENT=given, FINTAG_TRACEPARENT=other) == other
    for wrong in ("", "mine", given.upper(), given.replace("a", "0"), given + "-x"):
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace(TRACEPARENT=wrong))
    fresh = options()
    assert "authorization" not in dict(fresh.metadata()) and fresh.metadata() != fresh.metadata()


@pytest.mark.parametrize("arguments, said", [
    ({"server": "http://localhost:50051"}, "HOST:PORT"),
    ({"server": "localhost"}, "HOST:PORT"),
    ({"server": "localhost:70000"}, "HOST:PORT"),
    ({"server": "tags.bank.example:50051", "token": "secret"}, "unencrypted"),
    ({"token": "two words"}, "token"),
    ({"timeout": 0}, "timeout"),
])
def test_wrong_arguments(arguments, said):
    with pytest.raises(ValueError, match=said) as wrong:
        options(**arguments)
    assert "secret" not in str(wrong.value)
    with pytest.raises(ValueError, match="go together"):
        fintag.Tls(certificate="client.pem")
    assert options(server="tags.bank.example:50051", token="secret", insecure_token=True).token == "secret"


def test_a_token_stays_on_this_machine_or_is_encrypted():
    for here in ("localhost:1", "127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "unix:/run/fintag"):
        assert options(server=here, token="secret").token == "secret"
    for elsewhere in ("127.0.0.1.tags.example:1", "127.tags.example:1", "localhost.tags.example:1", "10.0.0.1:1",
                      "[::2]:1"):
        with pytest.raises(ValueError, match="unencrypted"):
            options(server=elsewhere, token="secret")


def test_nobody_is_there(caplog):
    with fintag.Client("localhost:1", retry_for=1) as client, caplog.at_level(logging.WARNING, "fintag"):
        start = time.monotonic()
        with pytest.raises(fintag.ConnectionFailed) as failed:
            client.datasets.list()
        assert 0.3 < time.monotonic() - start < 8 * PATIENCE
    assert "localhost:1" in str(failed.value) and "FINTAG_SERVER" in str(failed.value)
    assert isinstance(failed.value, ConnectionError) and isinstance(failed.value, fintag.Unavailable)
    # Said once, however often it tried.
    assert len(caplog.records) == 1 and "trying again" in caplog.text


def test_a_server_that_never_answers():
    with socket.socket() as silent:
        silent.bind(("localhost", 0))
        silent.listen()
        with fintag.Client(f"localhost:{silent.getsockname()[1]}", timeout=1, retry_for=0) as client:
            start = time.monotonic()
            with pytest.raises(fintag.FintagError) as late:
                client.tag("text", model="m")
            assert time.monotonic() - start < 5 * PATIENCE
            assert isinstance(late.value, (TimeoutError, ConnectionError))


def test_a_call_has_a_deadline(client):
    long = " ".join(TEXTS) * 300
    with pytest.raises(fintag.DeadlineExceeded) as late:
        client.tag(long, model="tagger", timeout=0.05)
    assert isinstance(late.value, TimeoutError) and late.value.code == "DEADLINE_EXCEEDED"


def test_tagging_outlives_a_restart(client, start_server, tmp_path):
    """The server stops and starts again while a list, a stream and single texts are tagged."""
    folder = client.models.export("tagger", tmp_path / "tagger")
    server = start_server()
    with fintag.Client(server.address, retry_for=20 * PATIENCE, timeout=60 * PATIENCE) as tagging:
        tagging.models.import_("tagger", folder)
        expected = [[e.text for e in result] for result in tagging.tag(TEXTS, model="tagger")]
        done = []

        def one_by_one():
            while len(done) < 2000 and not over.is_set():
                done.append(tagging.tag(TEXTS[0], model="tagger"))
                time.sleep(0.02)
        over = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            singles = threads.submit(one_by_one)
            stream = tagging.tag_stream((TEXTS[number % 3] for number in range(400)), model="tagger")
            results = [next(stream)]
            server.stop(signal.SIGTERM)
            restart = threads.submit(lambda: (time.sleep(0.7), server.start(listen=server.address)))
            results += stream
            restart.result()
            before = len(done)
            servers_back = time.monotonic()
            while len(done) < before + 3 and time.monotonic() < servers_back + 20 * PATIENCE:
                time.sleep(0.05)
            over.set()
            singles.result()
        assert len(results) == 400 and len(done) >= before + 3
        assert all([e.text for e in result] == expected[number % 3] for number, result in enumerate(results))


def test_what_must_not_be_repeated_is_not(own):
    own.stop()
    with fintag.Client(own.address, retry_for=30) as client:
        start = time.monotonic()
        with pytest.raises(fintag.ConnectionFailed):
            client.datasets.delete("small")
        assert time.monotonic() - start < 3 * PATIENCE


def test_a_full_queue_is_waited_for(start_server, client, tmp_path):
    folder = client.models.export("tagger", tmp_path / "tagger")
    server = start_server("--max-queue-tokens", "3000", "--threads", "1")
    with fintag.Client(server.address, retry_for=60 * PATIENCE, timeout=60 * PATIENCE) as tagging:
        tagging.models.import_("tagger", folder)
        text = TEXTS[0] * 18
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda _: tagging.tag(text, model="tagger"), range(16)))
        assert len({len(result) for result in results}) == 1
        refused = 'fintag_requests_total{method="fintag.v1.TaggingService/Tag",code="RESOURCE_EXHAUSTED"}'
        assert any("RESOURCE_EXHAUSTED" in line for line in server.metrics().splitlines()), refused
    with fintag.Client(server.address, retry_for=0) as hasty:
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            tries = [threads.submit(hasty.tag, text, model="tagger") for _ in range(16)]
            errors = [attempt.exception() for attempt in tries]
        full = [error for error in errors if isinstance(error, fintag.ResourceExhausted)]
        assert full and all(error.retry_after and error.retry_after > 0 for error in full)


def test_errors_travel_between_processes():
    field = fintag.FieldViolation("train:3", "has no tag")
    for error in (fintag.InvalidArgument("wrong", [field]), fintag.ResourceExhausted("full", 0.5),
                  fintag.ConnectionFailed("nobody"), fintag.DeadlineExceeded("late"), fintag.NotFound("no")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)
    assert field.line == 3 and fintag.FieldViolation("spec.options.epochs", "").line is None


class Gate(grpc.GenericRpcHandler):
    """A proxy in front of the real server, as a deployment has it: it ends TLS and asks for a token."""

    def __init__(self, address, token):
        self.channel = grpc.insecure_channel(address)
        self.token = token

    def service(self, details):
        sent = dict(details.invocation_metadata)
        if sent.get("authorization") != f"Bearer {self.token}":
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such token"))
        if details.method.endswith("/WatchJob"):
            call = self.channel.unary_stream(details.method)
            return grpc.unary_stream_rpc_method_handler(lambda request, context: call(request))
        call = self.channel.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: call(request))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A root, and certificates for the server "fintag.test" and a client, made by openssl."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=root", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("fintag.test", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-copy_extensions", "copy", "-out", f"{name}.pem")
    return folder


@pytest.fixture
def gate(served, certificates):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    gate = Gate(served.address, "secret")
    server.add_generic_rpc_handlers((gate,))
    pair = ((certificates / "fintag.test.key").read_bytes(), (certificates / "fintag.test.pem").read_bytes())
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials(
        [pair], (certificates / "ca.pem").read_bytes(), require_client_auth=True))
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()
    gate.channel.close()


def test_mutual_tls_and_a_token(gate, certificates, monkeypatch):
    ca, certificate, key = (str(certificates / name) for name in ("ca.pem", "client.pem", "client.key"))
    mutual = fintag.Tls(ca, certificate, key, server_name="fintag.test")
    with fintag.Client(gate, "secret", tls=mutual) as client:
        assert client.tag(TEXTS[0], model="tagger")[0].label == "ORG"
        job = client.train(dataset="small", base="base", model="gate", epochs=1, threads=1)
        assert job.wait().state is fintag.JobState.SUCCEEDED
    for token in (None, "wrong"):
        with fintag.Client(gate, token, tls=mutual) as client, pytest.raises(fintag.Unauthenticated):
            client.datasets.list()
    # Without the client's certificate, with another name, without TLS.
    for tls in (fintag.Tls(ca, server_name="fintag.test"), fintag.Tls(ca, certificate, key), None):
        with fintag.Client(gate, "secret", tls=tls, retry_for=0, timeout=5) as client:
            with pytest.raises(fintag.ConnectionFailed, match="TLS"):
                client.datasets.list()
    for name, value in {"SERVER": gate, "TOKEN": "secret", "CA": ca, "CERTIFICATE": certificate, "KEY": key}.items():
        monkeypatch.setenv(f"FINTAG_{name}", value)
    # A name in the certificate that is not the address' is what only an argument can say.
    with fintag.Client(retry_for=0) as client, pytest.raises(fintag.ConnectionFailed):
        client.datasets.list()


def test_the_server_itself_with_mutual_tls_and_tokens(start_server, certificates, tmp_path, monkeypatch):
    ca, certificate, key = (str(certificates / name) for name in ("ca.pem", "client.pem", "client.key"))
    (tmp_path / "tokens").write_text(f"ann viewer sha256:{hashlib.sha256(b'anns-token').hexdigest()}\n")
    (tmp_path / "token").write_text("anns-token\n")
    server = start_server("--tls-cert", certificates / "fintag.test.pem", "--tls-key", certificates / "fintag.test.key",
                          "--tls-client-ca", ca, "--tokens", tmp_path / "tokens")
    monkeypatch.setenv("FINTAG_TOKEN_FILE", str(tmp_path / "token"))
    mutual = fintag.Tls(ca, certificate, key, server_name="fintag.test")
    with fintag.Client(server.address, tls=mutual, retry_for=0) as client:
        assert list(client.jobs.list()) == []
        with pytest.raises(fintag.PermissionDenied, match="needs the role tagger; ann is a viewer") as denied:
            client.tag("text", model="m")
        assert denied.value.trace_id in str(denied.value)
        assert f"code=PERMISSION_DENIED seconds=" in server.text() and f"trace_id={denied.value.trace_id}" in server.text()
    with fintag.Client(server.address, "guess", tls=mutual) as client, pytest.raises(fintag.Unauthenticated):
        client.jobs.list()
    for tls in (None, fintag.Tls(ca, server_name="fintag.test")):
        with fintag.Client(server.address, tls=tls, retry_for=0, timeout=5) as client:
            with pytest.raises(fintag.ConnectionFailed, match="TLS"):
                client.jobs.list()


def test_mutual_tls_in_an_event_loop(gate, certificates):
    import asyncio

    async def tag():
        mutual = fintag.Tls(*(str(certificates / name) for name in ("ca.pem", "client.pem", "client.key")),
                            server_name="fintag.test")
        async with fintag.AsyncClient(gate, "secret", tls=mutual) as client:
            return await client.tag(TEXTS[0], model="tagger")
    assert asyncio.run(tag())[0].label == "ORG"
