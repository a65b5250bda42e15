"""The audit log of the real server: what is in it, that it is whole after kills, and that nothing is done without it."""
import concurrent.futures
import hashlib
import json
import os
import re
import signal
import subprocess
import threading

import grpc
import pytest
from conftest import BASE, BIN, CORPUS, PATIENCE, sentences, wait_for
from fintag.v1 import dataset_pb2
from tls_server import fintag, fintagd

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"
SMALL = b"Acme B-ORG\nCorp. I-ORG\nin O\nParis B-LOC\n\nRain O\nfell O\n\n"


def entries(server):
    return [json.loads(line) for line in (server.data / "audit.log").read_text().splitlines()]


def verify(file, *arguments):
    done = subprocess.run([BIN / "fintag", "audit", "verify", file, "--json", *arguments], capture_output=True, text=True,
                          check=False, timeout=60)
    return done.returncode, json.loads(done.stdout)


def heads(server):
    """(head, entries) as the server's own log has them."""
    return [(head, int(count)) for head, count in re.findall(r" audit log head=(\w{64}) entries=(\d+)\n", server.text())]


def test_everything_that_changes_state_is_in_it(start_server, tmp_path):
    tokens = tmp_path / "tokens"
    secrets = {"ann": "trainer", "bob": "admin", "eve": "viewer"}

    def write(*more):
        lines = [f"{name} {role} sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name, role in secrets.items()]
        tokens.write_text("\n".join([*lines, *more]) + "\n")
    write()
    server = start_server("--tokens", tokens)
    train = tmp_path / "train.conll"
    train.write_bytes(sentences(CORPUS / "train.conll", 60))

    def run(name, *arguments):
        return fintag(server, *arguments, timeout=60, FINTAG_TOKEN=name, FINTAG_TRACEPARENT=GIVEN).returncode
    assert run("ann", "models", "import", "base", "--from", BASE) == 0
    assert run("ann", "datasets", "upload", "small", "--train", train) == 0
    submit = ("jobs", "submit", "--dataset", "small", "--base", "base", "--model", "tagger", "--epochs", "1")
    assert run("ann", *submit, "--validate-only") == 0
    assert run("ann", *submit, "--watch") == 0
    assert run("ann", "tag", "--model", "tagger", "The secret merger of Zarathustra Holdings") == 0
    assert run("eve", "models", "delete", "tagger") == 1  # refused
    assert run("nobody", "models", "delete", "tagger") == 1
    assert run("bob", "models", "delete", "my secret text") == 1
    assert run("bob", "models", "delete", "tagger") == 0
    assert run("bob", "models", "list") == 0
    write("# changed")
    wait_for(lambda: "changed files are in use what=tokens" in server.text(), 10, "the reload")
    wait_for(lambda: entries(server)[-1]["method"] == "server/Reload", 5, "its entry")
    server.stop()

    job = "jobs/" + re.search(r"job=(\S+) state=SUCCEEDED", server.text())[1]
    found = [(e["caller"], e["method"].rpartition("/")[2], e["resource"], e["code"], e["detail"]) for e in entries(server)]
    assert found[0][:4] == ("fintagd", "Start", "", "OK") and found[-1][:4] == ("fintagd", "Stop", "", "OK")
    assert found[1:-1] == [
        ("ann", "ImportModel", "models/base/versions/1", "OK", ""),
        ("ann", "UploadDataset", "datasets/small", "OK", ""),
        ("ann", "CreateJob", "models/tagger", "OK", "validate_only"),
        ("ann", "CreateJob", job, "OK", ""),
        ("fintagd", "RegisterModelVersion", "models/tagger/versions/1", "OK", job),
        ("fintagd", "EndJob", job, "SUCCEEDED", ""),
        ("eve", "DeleteModel", "models/tagger", "PERMISSION_DENIED", ""),
        ("", "DeleteModel", "models/tagger", "UNAUTHENTICATED", ""),
        ("bob", "DeleteModel", "", "INVALID_ARGUMENT", ""),
        ("bob", "DeleteModel", "models/tagger", "OK", ""),
        ("fintagd", "Reload", "tokens", "OK", "")]
    calls = [e for e in entries(server) if e["caller"] != "fintagd"]
    assert all(re.fullmatch(r"ipv[46]:\S+:\d+", e["peer"]) and e["trace_id"] == TRACE for e in calls)
    # One id through log, job events and audit, what the server did for the job included.
    for file in (server.log, server.data / job / "events.log", server.data / job / "job.json"):
        assert TRACE in file.read_text(), file
    assert {e["trace_id"] for e in entries(server) if e["method"] in ("server/EndJob", "server/RegisterModelVersion")} == {TRACE}
    text = (server.data / "audit.log").read_text()
    assert "secret" not in text and not any(f'"{name}"' in text for name in ("nobody", "Zarathustra"))
    status, said = verify(server.data / "audit.log")
    assert status == 0 and said["whole"] and said["entries"] == len(found)
    assert heads(server)[-1] == (said["head"], len(found)) and heads(server)[0][1] == 1
    assert verify(server.data / "audit.log", "--head", heads(server)[0][0])[1]["known_head_line"] == 1


def delete_many(server, acknowledged, stop):
    """Uploads and deletes small datasets until the server goes away; notes what was answered."""
    number = 0
    while not stop.is_set():
        name = f"d{threading.get_ident()}-{number}"
        number += 1
        try:
            server.upload(name, SMALL)
            acknowledged.append(("UploadDataset", f"datasets/{name}"))
            server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=f"datasets/{name}"))
            acknowledged.append(("DeleteDataset", f"datasets/{name}"))
        except grpc.RpcError:
            return


def test_kills_in_the_middle_of_many_writes_leave_a_whole_log_without_a_gap(start_server):
    server = start_server()
    acknowledged = []
    for round_ in range(4):
        stop = threading.Event()
        before = len(acknowledged)
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            writers = [threads.submit(delete_many, server, acknowledged, stop) for _ in range(8)]
            wait_for(lambda: len(acknowledged) > before + 40 + 13 * round_, 60, "writes")
            server.process.send_signal(signal.SIGKILL)
            stop.set()
            for writer in writers:
                writer.result()
        server.process.wait()
        if round_ == 2:  # as if a power cut had come in the middle of a line
            with open(server.data / "audit.log", "ab") as log:
                log.write(b'{"sequence":1,"time":"20')
        known = heads(server)[-1][0]
        server.start()
        status, said = verify(server.data / "audit.log", "--head", known)
        assert status == 0, said
        # Whatever was answered is there.
        done = {(e["method"].rpartition("/")[2], e["resource"]) for e in entries(server) if e["code"] == "OK"}
        assert set(acknowledged) <= done
    methods = [e["method"] for e in entries(server)]
    assert methods.count("server/Start") == 5 and methods.count("server/Stop") == 0
    repaired = [e["detail"] for e in entries(server) if e["method"] == "server/RepairAuditLog"]
    assert repaired[-1:] == ["a torn last line of 24 bytes was cut off"]


def test_a_log_that_somebody_changed_stops_the_start(start_server):
    server = start_server()
    server.upload("small", SMALL)
    server.stop()
    log = server.data / "audit.log"
    good = log.read_text()
    log.write_text(good.replace("datasets/small", "datasets/smell"))
    status, said = fintagd("--data-dir", server.data, "--listen", "localhost:0", "--metrics-listen", "localhost:0")
    assert status == 1 and "audit.log is broken: the line behind entry 1: its hash is not that of its content" in said
    assert "fintag audit verify" in said and "datasets/smell" in log.read_text()
    status, said = verify(log)
    assert status == 1 and said["wrong_line"] == 2 and not said["whole"]
    told = fintag(server, "audit", "verify", log)
    assert told.returncode == 1 and "line 2: its hash is not that of its content. The 1 entries" in told.stderr
    # An end that was cut off, whole lines of it: only a head from elsewhere shows it.
    log.write_text("".join(good.splitlines(keepends=True)[:-1]))
    assert verify(log)[0] == 0
    status, said = verify(log, "--head", heads(server)[-1][0])
    assert status == 1 and "cut off" in said["reason"]
    log.write_text(good)
    server.start()
    assert verify(log, "--head", heads(server)[-1][0])[0] == 0


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "small"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", disk], check=False,
                                           capture_output=True).returncode != 0:
        pytest.skip("no leave to mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk):
    with open(disk / "of another", "ab", buffering=0) as file:
        try:
            while file.write(b"x" * (1 << 20)):
                pass
        except OSError:
            pass
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            pass


def test_on_a_full_disk_nothing_is_changed_that_could_not_be_written_down(start_server, small_disk, trained):
    server = start_server(data=small_disk.name)
    server.import_model("tagger", trained)
    server.tag(["Acme Corp. in Paris."])
    server.upload("first", SMALL)
    fill(small_disk)

    def delete(name):
        try:
            server.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=name), timeout=10 * PATIENCE)
        except grpc.RpcError as error:
            return error
        return None
    # Room was set aside for a while: long enough to delete something. Here it is used up.
    refused = None
    for _ in range(2000):
        refused = delete("datasets/none")
        if refused.code() != grpc.StatusCode.NOT_FOUND:
            break
    assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "audit.log cannot be written" in refused.details() and "Make room" in refused.details()
    assert delete("datasets/first").code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    # It is still there; reading and tagging go on.
    assert server.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name="datasets/first")).name == "datasets/first"
    assert server.tag(["Acme Corp. in Paris."]).results[0].entities is not None
    assert server.metric('fintag_audit_entries_total{result="failed"}') >= 2
    assert "error the audit log cannot be written" in server.text()
    (small_disk / "of another").unlink()
    assert delete("datasets/first") is None
    assert entries(server)[-1]["resource"] == "datasets/first" and "the audit log is written again" in server.text()
    assert verify(server.data / "audit.log")[0] == 0
