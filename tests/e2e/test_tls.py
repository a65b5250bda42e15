"""TLS and mutual TLS of the real server: what a client needs, and certificates that change without a restart."""
import concurrent.futures
import re
import ssl
import urllib.error

import grpc
import pytest
from certificates import Authority, install
from conftest import PATIENCE, wait_for
from fintag.v1 import tagging_pb2
from tls_server import fintag, fintagd, serves


def served_certificates(server):
    """What the gRPC and the HTTP port show to a new connection."""
    ports = server.address.rsplit(":", 1)[1], server.http.rsplit(":", 1)[1]
    return {ssl.get_server_certificate(("localhost", int(port))) for port in ports}


def test_tls(start_tls, authority, tmp_path):
    server = start_tls()
    assert serves(server.channel)
    assert server.get("healthz") == (200, "ok\n") and "fintag_build_info" in server.get("metrics")[1]
    assert fintag(server, "--tls-ca", authority.certificate, "jobs", "list").returncode == 0
    assert fintag(server, "jobs", "list", FINTAG_CA=str(authority.certificate)).returncode == 0
    # Each failure in one line that says what to check.
    for arguments, said in (((), "may want TLS (--tls, --tls-ca FILE)"),
                            (("--tls",), "of no authority that is trusted here: --tls-ca FILE"),
                            (("--tls-ca", Authority(tmp_path, "other").certificate), "of no authority")):
        failed = fintag(server, *arguments, "jobs", "list")
        assert failed.returncode == 1 and said in failed.stderr and failed.stderr.count("\n") <= 2, failed.stderr


def test_tls_to_a_server_without(start_server, authority):
    server = start_server()
    failed = fintag(server, "--tls-ca", authority.certificate, "jobs", "list")
    assert failed.returncode == 1 and "it does not speak TLS" in failed.stderr, failed.stderr
    missing = fintag(server, "--tls-ca", "/nowhere/ca.pem", "jobs", "list")
    assert missing.returncode == 2 and "/nowhere/ca.pem" in missing.stderr


def test_mutual_tls(start_tls, authority, tmp_path):
    server = start_tls("--tls-client-ca", authority.certificate)
    client, stranger = authority.sign("reports"), Authority(tmp_path, "strangers").sign("reports")
    assert serves(server.connect(server.credentials(client)))
    for pair in (None, stranger):
        with pytest.raises(grpc.RpcError) as refused:
            serves(server.connect(server.credentials(pair)))
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    ours = ("--tls-ca", authority.certificate)
    assert fintag(server, *ours, "--tls-cert", client[0], "--tls-key", client[1], "jobs", "list").returncode == 0
    wait_for(lambda: re.search(r"ListJobs code=OK .*caller=reports", server.text()), 5, "the caller's name in the log")
    failed = fintag(server, *ours, "jobs", "list")
    assert failed.returncode == 1 and "client certificate (--tls-cert, --tls-key)" in failed.stderr, failed.stderr
    assert re.search(r"warning gRPC text=.*did not return a certificate", server.text())
    # HTTP: the health checks are for those who have none.
    assert server.get("healthz")[0] == server.get("readyz")[0] == 200
    for path in ("metrics", "", "api/jobs", "app.js"):
        assert server.get(path)[0] == 403 and server.get(path, client)[0] == 200, path
    with pytest.raises((ssl.SSLError, urllib.error.URLError, ConnectionError)):
        server.get("healthz", stranger)


def expiry_of(server):
    found = re.search(r"^fintag_certificate_expiry_timestamp_seconds (\S+)$", server.get("metrics")[1], re.M)
    return float(found[1])


def test_certificates_change_under_open_streams(start_tls, authority):
    server = start_tls()
    requests = concurrent.futures.Future()
    empty = tagging_pb2.TagStreamRequest(model="models/none")

    def sent():
        yield empty
        requests.result(60 * PATIENCE)
        yield empty
    stream = server.tagging.TagStream(sent())
    assert next(stream).error.code
    before = served_certificates(server)
    assert before == {server.certificate.read_text()}
    expiry = expiry_of(server)

    install(authority.sign("second", days=3), server.certificate, server.key)
    wait_for(lambda: "changed files are in use what=certificates" in server.text(), 10, "the reload")
    assert served_certificates(server) == {server.certificate.read_text()} != before
    assert serves(server.connect())
    now = server.get("metrics")[1]
    assert 'fintag_reloads_total{result="taken",what="certificates"} 1' in now
    assert expiry_of(server) > expiry + 3600

    good = server.certificate.read_text()
    server.certificate.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    wait_for(lambda: "changed files are not taken" in server.text(), 10, "the refusal")
    install(authority.sign("expired", days=-1), server.certificate, server.key)
    wait_for(lambda: "expired at" in server.text(), 10, "the second refusal")
    assert f"{server.certificate} has a certificate that expired" in server.text()
    assert served_certificates(server) == {good}
    assert 'fintag_reloads_total{result="refused",what="certificates"} 2' in server.get("metrics")[1]

    requests.set_result(None)
    assert len(list(stream)) == 1  # the connection of the first certificate


def test_a_clients_authority_changes_too(start_tls, authority, tmp_path):
    ca = tmp_path / "clients.pem"
    second = Authority(tmp_path, "second")
    ca.write_bytes(authority.certificate.read_bytes())
    server = start_tls("--tls-client-ca", ca)
    first_client, second_client = authority.sign("one"), second.sign("two")
    assert serves(server.connect(server.credentials(first_client)))
    ca.write_bytes(second.certificate.read_bytes())
    wait_for(lambda: "changed files are in use" in server.text(), 10, "the reload")
    assert serves(server.connect(server.credentials(second_client)))
    assert server.get("metrics", second_client)[0] == 200
    with pytest.raises(grpc.RpcError):
        serves(server.connect(server.credentials(first_client)))


def test_files_that_cannot_be_used_end_the_start(authority, tmp_path):
    certificate, key = authority.sign("server")
    other, expired, nothing = authority.sign("other"), authority.sign("expired", days=-1), tmp_path / "nothing"
    nothing.write_text("nothing\n")
    where = ("--data-dir", tmp_path / "data", "--listen", "localhost:0", "--metrics-listen", "localhost:0")
    for options, status, said in (
            (("--tls-cert", tmp_path / "none.pem", "--tls-key", key), 1, f"cannot read {tmp_path}/none.pem"),
            (("--tls-cert", nothing, "--tls-key", key), 1, f"{nothing} is no PEM file of certificates"),
            (("--tls-cert", certificate, "--tls-key", nothing), 1, f"{nothing} is no PEM file of a private key"),
            (("--tls-cert", certificate, "--tls-key", other[1]), 1, f"{other[1]} is not the key of the certificate"),
            (("--tls-cert", expired[0], "--tls-key", expired[1]), 1, f"{expired[0]} has a certificate that expired"),
            (("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", nothing), 1, "is no PEM file"),
            (("--tls-cert", certificate), 2, "--tls-cert and --tls-key go together"),
            (("--tls-client-ca", certificate), 2, "--tls-client-ca needs --tls-cert"),
            (("--tokens", tmp_path / "none"), 1, f"cannot read {tmp_path}/none"),
            (("--tokens", nothing), 1, f"{nothing}, line 1: must be NAME ROLE sha256:HEX")):
        assert (ended := fintagd(*where, *options))[0] == status and said in ended[1], (options, ended)
