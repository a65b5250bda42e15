"""Tokens and roles of the real server: who gets in, who doesn't, and what changes without a restart. TLS: test_tls.py."""
import concurrent.futures
import hashlib
import json
import re
import subprocess
import urllib.error
import urllib.request

import google.rpc.error_details_pb2 as details_pb2
import google.rpc.status_pb2 as status_pb2
import grpc
import pytest
from conftest import BASE, BIN, CORPUS, PATIENCE, ROOT, Server, sentences, wait_for
from fintag.v1 import tagging_pb2, training_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tls_server import fintag, fintagd

ROLES = ["viewer", "tagger", "trainer", "admin"]
TOKENS = {role: f"fintag_{role * 8}" for role in ROLES}
# The table as the server has it: method to role, None where whoever reaches the port may call.
TABLE = {method: None if role == "std::nullopt" else role[1:].lower() for method, role in re.findall(
    r'\{"([\w.]+/\w+)", (kViewer|kTagger|kTrainer|kAdmin|std::nullopt), k(?:Reads|Changes)\}',
    (ROOT / "server/api/method_roles.cc").read_text(encoding="utf-8"))}


def line_of(name, role, token):
    return f"{name} {role} sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture(scope="module")
def tokens_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text("# one a role\n" + "".join(line_of(f"{role}-1", role, TOKENS[role]) for role in ROLES))
    return file


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, tokens_file):
    """A server on loopback that asks for tokens."""
    server = Server(tmp_path_factory.mktemp("guarded") / "data", "--tokens", tokens_file)
    yield server
    server.stop()


@pytest.mark.parametrize("flag, host", [("--listen", "0.0.0.0"), ("--metrics-listen", "0.0.0.0"), ("--listen", "[::]")])
def test_other_machines_are_listened_to_where_it_is_safe(flag, host, authority, tokens_file, tmp_path):
    certificate, key = authority.sign("server")
    tls, tokens = ("--tls-cert", certificate, "--tls-key", key), ("--tokens", tokens_file)
    other = {"--listen": "--metrics-listen", "--metrics-listen": "--listen"}[flag]
    options = {"--data-dir": tmp_path / "data", other: "localhost:0", flag: f"{host}:0"}
    where = [word for pair in options.items() for word in pair]
    for given, missing in (((), "--tls-cert and --tls-key, and --tokens or --tls-client-ca"), (tls, "--tokens or"),
                           (tokens, "--tls-cert and --tls-key;")):
        status, said = fintagd(*where, *given)
        assert status == 2 and f"{flag} {host.strip('[]')} is open to other machines: give {missing}" in said
        assert "--insecure" in said
    for given in (("--insecure",), (*tls, *tokens), (*tls, "--tls-client-ca", authority.certificate)):
        with subprocess.Popen([BIN / "fintagd", *map(str, (*where, *given))], stderr=subprocess.PIPE, text=True) as server:
            assert " listening " in server.stderr.readline()
            server.terminate()


def call(channel, method, metadata=()):
    """The status of any method, called with an empty message; its details are those of google.rpc."""
    kinds = {"WatchJob": "unary_stream", "ExportModel": "unary_stream", "Backup": "unary_stream", "UploadDataset": "stream_unary",
             "ImportModel": "stream_unary", "TagStream": "stream_stream", "ModelStreamInfer": "stream_stream",
             "ServerReflectionInfo": "stream_stream"}
    kind = kinds.get(method.split("/")[1], "unary_unary")
    stub = getattr(channel, kind)(f"/{method}", lambda message: message, lambda message: message)
    try:
        answer = stub(iter([b""]) if kind.startswith("stream") else b"", timeout=20 * PATIENCE, metadata=metadata)
        if kind.endswith("stream"):
            list(answer)
        return "OK", {}
    except grpc.RpcError as error:
        status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        info = details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        return error.code().name, dict(info.metadata)


# Watch has no end.
@pytest.mark.parametrize("method", sorted(TABLE.keys() - {"grpc.health.v1.Health/Watch"}))
def test_each_method_is_for_its_role_and_those_above(guarded, method):
    needed = TABLE[method]
    for metadata in ((), bearer("wrong"), bearer(""), (("authorization", TOKENS["admin"]),),
                     bearer(TOKENS["admin"]) + bearer(TOKENS["admin"])):
        code, info = call(guarded.channel, method, metadata)
        assert (code == "OK") if needed is None else ((code, info) == ("UNAUTHENTICATED", {"method": method}))
    for role in ROLES:
        code, info = call(guarded.channel, method, bearer(TOKENS[role]))
        if needed is None or ROLES.index(role) >= ROLES.index(needed):
            assert code not in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        else:
            assert (code, info) == ("PERMISSION_DENIED", {"method": method, "role": role, "needed_role": needed})


def test_the_table_is_of_all_that_reflection_shows(guarded):
    stub = reflection_pb2_grpc.ServerReflectionStub(guarded.channel)
    ask = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    listed = next(stub.ServerReflectionInfo(ask, metadata=bearer(TOKENS["viewer"])))
    assert {s.name for s in listed.list_services_response.service} == {method.split("/")[0] for method in TABLE}


def test_the_log_names_callers_and_holds_no_token(guarded):
    with pytest.raises(grpc.RpcError):
        guarded.jobs.ListJobs(training_pb2.ListJobsRequest(page_size=-1), metadata=bearer(TOKENS["viewer"]))
    call(guarded.channel, "fintag.v1.ModelService/DeleteModel", bearer(TOKENS["tagger"]))
    call(guarded.channel, "fintag.v1.ModelService/DeleteModel", bearer("fintag_guess"))
    text = guarded.text()
    assert re.search(r"ListJobs code=INVALID_ARGUMENT .*caller=viewer-1", text)
    assert re.search(r"DeleteModel code=PERMISSION_DENIED .*caller=tagger-1", text)
    assert re.search(r'DeleteModel code=UNAUTHENTICATED .*caller=""', text)
    assert "fintag_guess" not in text and not any(token in text for token in TOKENS.values())


def get(server, path, token=None, body=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(f"{server.http}/{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_http_asks_for_tokens_too(guarded):
    for path in ("healthz", "readyz", "", "app.js"):
        assert get(guarded, path) == 200, path
    for path in ("metrics", "api/jobs", "api/models"):
        assert [get(guarded, path, token) for token in (None, "wrong", TOKENS["viewer"])] == [401, 401, 200], path
    tag = json.dumps({"model": "models/none", "inputs": [{"text": "a"}]}).encode()
    statuses = [get(guarded, "api/tag", token, tag) for token in (None, TOKENS["viewer"], TOKENS["tagger"])]
    assert statuses == [401, 403, 404]
    # What is no metadata of gRPC's is turned away before it gets there.
    host, port = guarded.http.removeprefix("http://").split(":")
    import socket
    for value in (b"Bearer \xff\x01", b"Bearer " + b"x" * 5000):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + value + b"\r\n\r\n")
            assert raw.recv(4096).split()[1] in (b"401", b"400")
    assert get(guarded, "healthz") == 200


def test_the_command_line_sends_its_token(guarded, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKENS["viewer"] + "\n")
    assert fintag(guarded, "--token-file", file, "jobs", "list").returncode == 0
    assert fintag(guarded, "jobs", "list", FINTAG_TOKEN=TOKENS["viewer"]).returncode == 0
    assert fintag(guarded, "health").returncode == 0
    folder = fintag(guarded, "--token-file", tmp_path, "jobs", "list")
    assert folder.returncode == 2 and f"{tmp_path} holds no token" in folder.stderr
    refused = fintag(guarded, "jobs", "list")
    assert refused.returncode == 1 and "--token-file" in refused.stderr
    denied = fintag(guarded, "--token-file", file, "models", "delete", "m")
    assert denied.returncode == 1 and "needs the role admin; viewer-1 is a viewer" in denied.stderr, denied.stderr
    away = subprocess.run([BIN / "fintag", "--server", "192.0.2.1:1", "--token-file", file, "jobs", "list"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert away.returncode == 2 and "unencrypted" in away.stderr and TOKENS["viewer"] not in away.stderr


def test_tokens_change_without_a_restart(start_server, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line_of("alice", "viewer", "first"))
    server = start_server("--tokens", file)
    method = "fintag.v1.TrainingService/ListJobs"

    def code(token):
        return call(server.channel, method, bearer(token))[0]
    assert (code("first"), code("second")) == ("OK", "UNAUTHENTICATED")
    made = json.loads(fintag(server, "--json", "token", "new", "bob", "--role", "admin").stdout)
    assert re.fullmatch(r"fintag_[0-9a-f]{64}", made["token"])
    file.write_text(line_of("alice", "viewer", "second") + made["line"] + "\n")
    wait_for(lambda: "changed files are in use what=tokens" in server.text(), 10, "the reload")
    assert (code("first"), code("second"), code(made["token"])) == ("UNAUTHENTICATED", "OK", "OK")
    file.write_text(line_of("alice", "viewer", "third") + "bob boss sha256:00\n")
    wait_for(lambda: f"{file}, line 2: the role must be" in server.text(), 10, "the refusal")
    assert (code("second"), code("third")) == ("OK", "UNAUTHENTICATED")


def test_a_callers_own_limits(start_server, tokens_file):
    from test_datasets import retry_seconds
    server = start_server("--tokens", tokens_file, "--max-caller-calls", "1", "--max-caller-rate", "2")
    waiting = concurrent.futures.Future()

    def silent():
        yield tagging_pb2.TagStreamRequest(model="models/none")
        waiting.result(60 * PATIENCE)
    stream = server.tagging.TagStream(silent(), metadata=bearer(TOKENS["tagger"]))
    next(stream)
    method = "fintag.v1.TrainingService/ListJobs"
    code, info = call(server.channel, method, bearer(TOKENS["tagger"]))
    assert (code, info["limit"]) == ("RESOURCE_EXHAUSTED", "max-caller-calls")
    assert call(server.channel, method, bearer(TOKENS["trainer"]))[0] == "OK"
    waiting.set_result(None)
    assert list(stream) == []
    answers = [call(server.channel, method, bearer(TOKENS["viewer"])) for _ in range(3)]
    assert [code for code, _ in answers] == ["OK", "OK", "RESOURCE_EXHAUSTED"]
    assert answers[2][1]["limit"] == "max-caller-rate"
    with pytest.raises(grpc.RpcError) as refused:
        server.jobs.ListJobs(training_pb2.ListJobsRequest(), metadata=bearer(TOKENS["viewer"]))
    assert "viewer-1 has made 2 requests a second" in refused.value.details()
    assert 0 < retry_seconds(refused.value) <= 0.5


def test_the_whole_loop_with_tls_and_tokens(start_tls, authority, tokens_file, tmp_path):
    server = start_tls("--tls-client-ca", authority.certificate, "--tokens", tokens_file)
    certificate, key = authority.sign("laptop")
    environment = {"FINTAG_CA": str(authority.certificate), "FINTAG_CERTIFICATE": str(certificate), "FINTAG_KEY": str(key)}
    train = tmp_path / "train.conll"
    train.write_bytes(sentences(CORPUS / "train.conll", 60))

    def run(role, *arguments):
        done = fintag(server, *arguments, timeout=60, FINTAG_TOKEN=TOKENS[role], **environment)
        return done.returncode
    assert run("tagger", "models", "import", "base", "--from", BASE) == 1
    assert run("trainer", "models", "import", "base", "--from", BASE) == 0
    assert run("trainer", "datasets", "upload", "small", "--train", train) == 0
    assert run("trainer", "jobs", "submit", "--dataset", "small", "--base", "base", "--model", "tagger", "--epochs", "1",
               "--watch") == 0
    assert run("viewer", "tag", "--model", "tagger", "Acme Corp. in Paris.") == 1
    assert run("tagger", "tag", "--model", "tagger", "Acme Corp. in Paris.") == 0
    assert run("tagger", "bench", "--model", "tagger", "--requests", "5", "--warm-up", "0", "--clients", "2") == 0
    assert run("trainer", "models", "delete", "tagger") == 1
    assert run("admin", "models", "delete", "tagger") == 0
