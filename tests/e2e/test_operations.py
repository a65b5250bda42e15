"""What an operator sees: health, readiness, metrics, logs, locks, limits."""
import json
import pathlib
import queue
import shutil
import subprocess
import urllib.error
import urllib.request

import grpc
import pytest
from conftest import BASE, BIN, CORPUS, sentences, state_of, wait_for
from fintag.v1 import tagging_pb2, training_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from test_datasets import reasons, retry_seconds


def test_health_and_reflection_answer(start_server):
    server = start_server()
    health = health_pb2_grpc.HealthStub(server.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert health.Check(health_pb2.HealthCheckRequest()).status == serving
    assert health.Check(health_pb2.HealthCheckRequest(service="fintag.v1.TaggingService")).status == serving
    assert next(health.Watch(health_pb2.HealthCheckRequest())).status == serving
    reflection = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    listed = next(reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")])))
    names = {s.name for s in listed.list_services_response.service}
    assert {"fintag.v1.DatasetService", "fintag.v1.TrainingService", "fintag.v1.ModelService",
            "fintag.v1.TaggingService", "grpc.health.v1.Health"} <= names


def test_http_endpoints_answer(start_server):
    server = start_server()
    for path in ("healthz", "readyz"):
        assert urllib.request.urlopen(f"{server.http}/{path}", timeout=5).status == 200
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{server.http}/nothing", timeout=5)
    assert missing.value.code == 404


def test_promtool_finds_nothing_wrong_with_the_metrics(server):
    job = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    server.tag(["A sentence of Acme Corp. in Paris."])
    checked = subprocess.run([shutil.which("promtool") or "promtool", "check", "metrics"], input=server.metrics(),
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and not checked.stderr and not checked.stdout


def test_logs_are_json_lines_without_text_of_users(start_server):
    server = start_server("--log-format", "json")
    secret = "Zarathustra Holdings"
    with pytest.raises(grpc.RpcError):
        server.tag([secret], model="models/none")
    # Of what a library has to say of it too.
    with pytest.raises(grpc.RpcError):
        server.channel.unary_unary("/fintag.v1.ModelService/GetModel")(b"\x0a\x02a\xff", timeout=60)
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines() if "listening" not in line]
    assert any(line["message"] == "protobuf" and "UTF-8" in line["text"] for line in lines)
    calls = [line for line in lines if line["message"] == "call"]
    assert calls[0]["method"] == "fintag.v1.TaggingService/Tag" and calls[0]["code"] == "NOT_FOUND"
    assert float(calls[0]["seconds"]) >= 0 and secret not in server.text()


def test_the_log_holds_no_text_of_users_whatever_they_ask(start_server):
    server = start_server()
    server.import_model("base", BASE)
    secret = "Zarathustra"
    server.upload("small", sentences(CORPUS / "train.conll", 30) + f"\n{secret}\tB-ORG\nHoldings\tI-ORG\n".encode())
    with pytest.raises(grpc.RpcError):
        server.upload("bad", f"{secret}\tX-{secret}\n{secret}\n".encode())
    job = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "SUCCEEDED", server.job(job.name).failure_reason
    assert server.tag([f"{secret} Holdings is in Paris."]).results
    for texts, model in [([secret], "models/none"), ([secret], secret), ([secret] * 2000, "models/tagger")]:
        with pytest.raises(grpc.RpcError):
            server.tag(texts, model=model)
    wrong = tagging_pb2.TextInput(words=tagging_pb2.Words(words=[secret, ""]))
    answers = list(server.tagging.TagStream(iter([tagging_pb2.TagStreamRequest(model="models/tagger", inputs=[wrong])])))
    assert [a.error.code for a in answers] == [grpc.StatusCode.INVALID_ARGUMENT.value[0]]
    (server.data / "datasets/small/train.jsonl").write_text(f'{{"{secret}": "{secret}"}}\n')
    failed = server.submit(epochs=1)
    assert [state_of(e) for e in server.watch(failed.name)][-1] == "FAILED"
    server.stop()
    text = server.text()
    for method in ("UploadDataset code=INVALID_ARGUMENT", "UploadDataset code=OK", "CreateJob code=OK", "Tag code=OK",
                   "Tag code=NOT_FOUND", "Tag code=INVALID_ARGUMENT", "TagStream code=OK"):
        assert method in text
    assert "state=SUCCEEDED" in text and "state=FAILED" in text and secret.lower() not in text.lower()


def test_one_server_a_data_folder(start_server):
    server = start_server()
    second = subprocess.run([BIN / "fintagd", "--data-dir", server.data, "--listen", "localhost:0",
                             "--metrics-listen", "localhost:0"], capture_output=True, text=True, timeout=30,
                            check=False)
    assert second.returncode == 1 and "another fintagd" in second.stderr


def test_a_taken_port_and_wrong_usage_are_told(start_server, tmp_path):
    server = start_server()
    taken = subprocess.run([BIN / "fintagd", "--data-dir", tmp_path / "other", "--listen", server.address,
                            "--metrics-listen", "localhost:0"], capture_output=True, text=True, timeout=30,
                           check=False)
    assert taken.returncode == 1 and "cannot listen" in taken.stderr
    assert subprocess.run([BIN / "fintagd", "--bogus"], capture_output=True, check=False).returncode == 2
    assert subprocess.run([BIN / "fintagd", "--version"], capture_output=True, check=False).returncode == 0


def endless_job(server):
    server.import_model("base", BASE)
    server.upload("small", sentences(CORPUS / "train.conll", 30))
    return server.submit(epochs=1000)


def threads(server):
    return len(list(pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()))


def test_too_many_watchers_are_refused(start_server):
    server = start_server("--max-watchers", "1")
    job = endless_job(server)
    first = server.watch(job.name)
    next(first)
    with pytest.raises(grpc.RpcError) as refused:
        list(server.watch(job.name))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and retry_seconds(refused.value) > 0


def test_hundreds_of_watchers_see_every_event_and_have_no_thread_each(start_server):
    server = start_server("--max-watchers", "300")
    job = endless_job(server)
    first = server.watch(job.name)
    next(first)
    before = threads(server)
    watches = [first, *(server.watch(job.name) for _ in range(299))]
    for watch in watches[1:]:
        assert next(watch).sequence == 1
    assert threads(server) < before + 50
    for watch in watches[::2]:
        watch.cancel()
    wait_for(lambda: server.metric('fintag_requests_total{code="CANCELLED",method="fintag.v1.TrainingService/WatchJob"}')
             == 150)
    late = server.watch(job.name)  # has one of the places that are free again
    next(late)
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    ends = [list(watch) for watch in [late, *watches[1::2]]]
    assert state_of(ends[0][-1]) == "CANCELLED"
    assert [event.sequence for event in ends[0]] == list(range(2, len(ends[0]) + 2))
    assert all(end == ends[0] for end in ends)


def test_calls_past_the_limit_are_told_to_try_again_and_watches_take_no_place(start_server):
    server = start_server("--max-calls", "2")
    job = endless_job(server)
    watches = [server.watch(job.name) for _ in range(4)]
    for watch in watches:
        next(watch)
    requests = [queue.Queue() for _ in range(2)]
    streams = [server.tagging.TagStream(iter(waiting.get, None)) for waiting in requests]
    for waiting, stream in zip(requests, streams):
        waiting.put(tagging_pb2.TagStreamRequest())
        assert next(stream).error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    with pytest.raises(grpc.RpcError) as refused:
        server.job(job.name)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reasons(refused.value) == ["RESOURCE_EXHAUSTED"] and retry_seconds(refused.value) > 0
    assert server.metric('fintag_requests_total{code="RESOURCE_EXHAUSTED",method="fintag.v1.TrainingService/GetJob"}') == 1
    requests[0].put(None)
    assert not list(streams[0])
    server.jobs.CancelJob(training_pb2.CancelJobRequest(name=job.name))
    assert all([state_of(e) for e in watch][-1] == "CANCELLED" for watch in watches)
    requests[1].put(None)
