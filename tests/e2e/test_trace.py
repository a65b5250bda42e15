"""One trace id of the caller's (W3C Trace Context) finds everything about a request: in answers, log, job and events."""
import json
import re
import urllib.error
import urllib.request

import grpc
import pytest
from conftest import BASE, sentences, CORPUS, wait_for
from fintag.v1 import tagging_pb2, training_pb2
from tls_server import fintag

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"
MADE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-00")


def list_jobs(server, *values, page_size=0):
    """(status, traceparent of the answer) for these traceparent headers."""
    answer, call = None, None
    try:
        answer, call = server.jobs.ListJobs.with_call(training_pb2.ListJobsRequest(page_size=page_size),
                                                      metadata=[("traceparent", value) for value in values])
    except grpc.RpcError as error:
        call = error
    found = [value for key, value in call.initial_metadata() if key == "traceparent"]
    assert len(found) == 1
    return ("OK" if answer is not None else call.code().name), found[0]


def test_the_answer_has_the_callers_trace_or_a_new_one(start_server):
    server = start_server()
    for page_size, code in ((0, "OK"), (-1, "INVALID_ARGUMENT")):
        status, trace = list_jobs(server, GIVEN, page_size=page_size)
        assert status == code and trace.startswith(f"00-{TRACE}-") and trace.endswith("-01") and trace != GIVEN
        assert re.search(rf"ListJobs code={code} .*trace_id={TRACE}\n", server.text())
    seen = set()
    for wrong in ((), ("",), ("mine",), (GIVEN.upper(),), (GIVEN + "-x",), ("ff" + GIVEN[2:],)):
        made = MADE.fullmatch(list_jobs(server, *wrong)[1])
        assert made and made[1] != TRACE, wrong
        assert f"trace_id={made[1]}\n" in server.text()
        seen.add(made[1])
    assert len(seen) == 6


def test_streams_have_it_too(server):
    stream = server.tagging.TagStream(iter([tagging_pb2.TagStreamRequest(model="models/none")]),
                                      metadata=[("traceparent", GIVEN)])
    assert dict(stream.initial_metadata())["traceparent"].startswith(f"00-{TRACE}-")
    list(stream)
    assert re.search(rf"TagStream code=OK .*trace_id={TRACE}\n", server.text())


def http(server, path, traceparent=None):
    request = urllib.request.Request(f"{server.http}/{path}", headers={"traceparent": traceparent} if traceparent else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["traceparent"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["traceparent"]


def test_http_has_it_too(start_server):
    server = start_server()
    for path, status, method in (("api/jobs", 200, "ListJobs"), ("api/jobs/none", 404, "GetJob")):
        assert http(server, path, GIVEN)[0] == status
        assert http(server, path, GIVEN)[1].startswith(f"00-{TRACE}-")
        assert re.search(rf"{method} code=\w+ .*trace_id={TRACE}\n", server.text())
        assert MADE.fullmatch(http(server, path, "mine")[1])


def test_a_job_from_its_submission_to_its_model(start_server, tmp_path):
    server = start_server()
    train = tmp_path / "train.conll"
    train.write_bytes(sentences(CORPUS / "train.conll", 60))
    server.import_model("base", BASE)
    server.upload("small", train.read_bytes())
    submitted = fintag(server, "--json", "jobs", "submit", "--dataset", "small", "--base", "base", "--model", "tagger",
                       "--epochs", "1", timeout=30, TRACEPARENT="mine", FINTAG_TRACEPARENT=GIVEN)
    job = json.loads(submitted.stdout)
    assert job["trace_id"] == TRACE
    events = list(server.watch(job["name"]))
    assert len(events) > 4 and all(event.trace_id == TRACE for event in events)
    folder = server.data / job["name"]
    assert json.loads((folder / "job.json").read_text())["trace_id"] == TRACE
    assert (folder / "events.log").read_text().count(f'"trace_id":"{TRACE}"') == len(events)
    for state in ("QUEUED", "SUCCEEDED"):
        wait_for(lambda: re.search(rf" job job=\S+ state={state} .*trace_id={TRACE}\n", server.text()), 5, state)
    shown = fintag(server, "jobs", "show", job["name"])
    assert re.search(rf"trace id +{TRACE}\n", shown.stdout)
    # It is stored with the job, not remembered.
    server.stop()
    server.start()
    assert server.job(job["name"]).trace_id == TRACE


def test_what_is_too_late_for_the_model_says_which_request_it_was(start_server, trained):
    server = start_server("--threads", "1", "--max-batch-tokens", "64")
    server.import_model("tagger", trained)
    server.tag(["Acme Corp. in Paris."])
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(server.tag, ["Acme Corp. lent money to Norrland Pulp AB of Stockholm. " * 1500])
        wait_for(lambda: (server.metric('fintag_queue_tokens{model="tagger",version="1"}') or 0) > 1000, 20, "the queue")
        with pytest.raises(grpc.RpcError) as late:
            server.tagging.Tag(tagging_pb2.TagRequest(
                model="models/tagger", inputs=[tagging_pb2.TextInput(text="late " * 400)] * 20),
                timeout=0.3, metadata=[("traceparent", GIVEN)])
        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_for(lambda: re.search(rf"warning tag request dropped model=models/tagger/versions/1 code=\w+ "
                                   rf"tokens=\d+ seconds=[\d.]+ trace_id={TRACE}\n", server.text()), 10, "the line")
        long.cancel()
        assert re.search(rf"TaggingService/Tag code=\w+ .*trace_id={TRACE}\n", server.text())
        long.result()


def test_the_command_line_says_by_which_id_to_ask(start_server):
    server = start_server()
    failed = fintag(server, "jobs", "show", "none", FINTAG_TRACEPARENT=GIVEN)
    assert failed.returncode == 1 and f"\ntrace id: {TRACE}\n" in failed.stderr
    assert re.search(rf"GetJob code=NOT_FOUND .*trace_id={TRACE}\n", server.text())
    made = json.loads(fintag(server, "--json", "jobs", "show", "none").stdout)["error"]["trace_id"]
    assert made != TRACE and f"trace_id={made}\n" in server.text()
    server.stop()
    assert "trace id" not in fintag(server, "jobs", "list", timeout=1).stderr  # nobody has heard of it
