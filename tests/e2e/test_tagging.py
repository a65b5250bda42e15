"""Tagging over the wire: offsets, long texts, full queues, deadlines, streams, limits."""
import os
import queue
import re
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from conftest import BIN, CORPUS, PATIENCE, wait_for
from fintag.v1 import model_pb2
from fintag.v1 import tagging_pb2 as pb
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from test_datasets import reasons, retry_seconds

TEXTS = (CORPUS / "three_sentences.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def tagger(start_server, trained):
    def start(*options):
        server = start_server(*options)
        server.import_model("tagger", trained)
        return server
    return start


def test_offsets_count_code_points_of_the_given_text(tagger):
    server = tagger()
    texts = ["👋 " + text.replace("a", "á") + " 日本" for text in TEXTS] + TEXTS
    answer = server.tag(texts, include_words=True)
    assert len(answer.results) == len(texts) and any(r.entities for r in answer.results)
    for text, result in zip(texts, answer.results):
        for entity in result.entities:
            assert text[entity.start:entity.end] == entity.text and 0 < entity.score <= 1
            assert entity.label in ("PER", "LOC", "ORG", "MISC")
        for word in result.words:
            assert text[word.start:word.end] == word.text


def test_words_and_batches_give_the_same_as_single_texts(tagger):
    server = tagger()
    together = server.tag(TEXTS, include_words=True)
    for text, result in zip(TEXTS, together.results):
        alone = server.tag([text], include_words=True).results[0]
        assert [w.tag for w in alone.words] == [w.tag for w in result.words]
        words = pb.TextInput(words=pb.Words(words=[w.text for w in alone.words]))
        split = server.tagging.Tag(pb.TagRequest(model="models/tagger", inputs=[words],
                                                 options=pb.TagOptions(include_words=True))).results[0]
        assert [w.tag for w in split.words] == [w.tag for w in alone.words]


def test_a_text_longer_than_the_encoder_is_tagged_to_its_end(tagger):
    server = tagger()
    text = " ".join(TEXTS * 60)
    result = server.tag([text], include_words=True).results[0]
    assert len(text.split()) > 1500 and result.words[-1].end == len(text)
    tail = len(text) - len(" ".join(TEXTS))
    assert any(e.start > tail for e in result.entities)


def test_constrained_decoding_gives_legal_tags(tagger):
    server = tagger()
    result = server.tag([" ".join(TEXTS)], include_words=True, decoding=pb.DECODING_CONSTRAINED).results[0]
    previous = "O"
    for word in result.words:
        if word.tag.startswith("I-"):
            assert previous[2:] == word.tag[2:]
        previous = word.tag


def test_bad_requests_name_the_field(tagger):
    server = tagger("--max-text-bytes", "1000", "--max-texts", "4")
    for request, field in [
            (pb.TagRequest(model="models/tagger"), "inputs"),
            (pb.TagRequest(model="tagger", inputs=[pb.TextInput(text="a")]), "model"),
            (pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(text="a" * 1001)]), "inputs[0]"),
            (pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(text="a")] * 5), "inputs"),
            (pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(text="a"), pb.TextInput()]), "inputs[1]"),
            (pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(words=pb.Words(words=["a", ""]))]),
             "inputs[0]"),
    ]:
        with pytest.raises(grpc.RpcError) as wrong:
            server.tagging.Tag(request)
        assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT, request
        assert field in wrong.value.details()
    with pytest.raises(grpc.RpcError) as unknown:
        server.tag(["a"], model="models/nothing")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    assert server.tag([""]).results[0].entities == []


def test_a_full_queue_refuses_at_once_and_says_to_try_again(tagger):
    server = tagger("--max-queue-tokens", "6000", "--max-batch-tokens", "512")
    long = " ".join(TEXTS * 20)
    server.tag([TEXTS[0]])  # loads the model

    def ask(_):
        try:
            server.tag([long])
            return "OK"
        except grpc.RpcError as error:
            assert reasons(error) == [error.code().name] and retry_seconds(error) > 0
            return error.code().name

    def ask_in_stream(_):
        request = pb.TagStreamRequest(model="models/tagger", inputs=[pb.TextInput(text=long)])
        answer = next(server.tagging.TagStream(iter([request]), timeout=60 * PATIENCE))
        retry = error_details_pb2.RetryInfo()
        if answer.HasField("error"):
            assert any(detail.Unpack(retry) for detail in answer.error.details) and retry.retry_delay.nanos > 0
        return code_pb2.Code.Name(answer.error.code)
    for way in (ask, ask_in_stream):
        with ThreadPoolExecutor(16) as pool:
            codes = Counter(pool.map(way, range(16)))
            assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}
    # The requests of a stream are counted as calls are.
    for code, count in codes.items():
        series = f'fintag_requests_total{{code="{code}",method="fintag.v1.TaggingService/TagStream"}}'
        assert server.metric(series) == count
    assert "method=fintag.v1.TaggingService/TagStream code=RESOURCE_EXHAUSTED" in server.text()
    # A request that the queue could never hold is the caller's mistake.
    with pytest.raises(grpc.RpcError) as large:
        server.tag([long] * 10)
    assert large.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    wait_for(lambda: server.metric('fintag_queue_tokens{model="tagger",version="1"}') == 0)


def test_a_deadline_is_honoured_before_work_is_done(tagger):
    server = tagger("--max-batch-tokens", "512")
    long = " ".join(TEXTS * 60)
    server.tag([TEXTS[0]])
    busy = [server.tagging.Tag.future(pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(text=long)] * 3))
            for _ in range(3)]
    wait_for(lambda: server.metric('fintag_queue_tokens{model="tagger",version="1"}') > 0)
    with pytest.raises(grpc.RpcError) as late:
        server.tagging.Tag(pb.TagRequest(model="models/tagger", inputs=[pb.TextInput(text=long)]), timeout=0.05)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    for future in busy:
        assert len(future.result().results) == 3
    tagged = server.metric('fintag_sentences_total{model="tagger",version="1"}')
    assert tagged == 1 + 9


def test_a_stream_answers_in_order_and_survives_a_bad_request(tagger):
    server = tagger()
    requests = [pb.TagStreamRequest(model="models/tagger", inputs=[pb.TextInput(text=TEXTS[0])]),
                pb.TagStreamRequest(inputs=[]),
                pb.TagStreamRequest(inputs=[pb.TextInput(text=t) for t in TEXTS])]
    answers = list(server.tagging.TagStream(iter(requests)))
    assert [a.request for a in answers] == [1, 2, 3]
    assert [a.WhichOneof("outcome") for a in answers] == ["response", "error", "response"]
    assert answers[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(bad) for detail in answers[1].error.details)
    assert [v.field for v in bad.field_violations] == ["inputs"]
    assert any(detail.Unpack(info) for detail in answers[1].error.details) and info.reason == "INVALID_ARGUMENT"
    assert answers[2].response.results == server.tag(TEXTS).results


def test_an_idle_stream_does_not_hold_up_a_server_that_stops(tagger):
    server = tagger()
    requests = queue.Queue()
    stream = server.tagging.TagStream(iter(requests.get, None))
    requests.put(pb.TagStreamRequest(model="models/tagger", inputs=[pb.TextInput(text=TEXTS[0])]))
    assert next(stream).HasField("response")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as ended:
        next(stream)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE and "stopping" in ended.value.details()
    assert server.process.wait(timeout=20 * PATIENCE) == 0 and time.monotonic() - began < 5 * PATIENCE
    assert "method=fintag.v1.TaggingService/TagStream code=UNAVAILABLE" in server.text()
    requests.put(None)


def test_a_server_that_stops_finishes_the_requests_it_has(tagger):
    server = tagger("--max-batch-tokens", "512")
    server.tag([TEXTS[0]])
    long = pb.TextInput(text=" ".join(TEXTS * 60))
    health = health_pb2_grpc.HealthStub(server.connect()).Watch(health_pb2.HealthCheckRequest())
    assert next(health).status == health_pb2.HealthCheckResponse.SERVING
    running = server.tagging.Tag.future(pb.TagRequest(model="models/tagger", inputs=[long] * 3))
    wait_for(lambda: server.metric('fintag_queue_tokens{model="tagger",version="1"}') > 0)
    server.process.send_signal(signal.SIGTERM)
    # Whoever sends it work sees it leave, and nothing new comes in.
    assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.RpcError) as late:
        server.tagging.Tag(pb.TagRequest(model="models/tagger", inputs=[long]))
    assert late.value.code() == grpc.StatusCode.UNAVAILABLE
    health.cancel()
    assert len(running.result(timeout=30 * PATIENCE).results) == 3
    assert server.process.wait(timeout=20 * PATIENCE) == 0


def test_a_server_that_stops_waits_no_longer_than_it_is_told(tagger):
    server = tagger("--max-batch-tokens", "512", "--stop-seconds", "1")
    server.tag([TEXTS[0]])
    long = pb.TextInput(text=" ".join(TEXTS * 400))  # many seconds of work, three times
    running = server.tagging.Tag.future(pb.TagRequest(model="models/tagger", inputs=[long] * 3))
    wait_for(lambda: server.metric('fintag_queue_tokens{model="tagger",version="1"}') > 0)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert running.exception(timeout=30 * PATIENCE).code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert server.process.wait(timeout=20 * PATIENCE) == 0 and 1 <= time.monotonic() - began < 8 * PATIENCE


def test_text_that_is_not_utf8_on_the_wire_is_refused_with_its_byte(tagger):
    server = tagger()
    model, good = b"\x0a\x0dmodels/tagger", b"\x12\x06\x0a\x04fine"

    def refusals(request):
        with pytest.raises(grpc.RpcError) as wrong:
            server.channel.unary_unary("/fintag.v1.TaggingService/Tag")(request, timeout=60)
        assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT, request
        stream = server.channel.stream_stream("/fintag.v1.TaggingService/TagStream",
                                              response_deserializer=pb.TagStreamResponse.FromString)
        answers = list(stream(iter([request, model + good]), timeout=60))
        assert [a.WhichOneof("outcome") for a in answers] == ["error", "response"]
        assert answers[0].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert answers[0].error.message == wrong.value.details()
        return wrong.value.details()
    assert refusals(model + good + b"\x12\x06\x0a\x04ab\xffd" + good) == "inputs[1]: not valid UTF-8 at byte 2"
    assert "byte 0" in refusals(model + b"\x12\x07\x12\x05\x0a\x01a\x0a\x01\xff" + good)
    assert refusals(b"\x0a\x08models/\xff" + good).startswith("model: ")
    # What is no message at all stays what it was.
    with pytest.raises(grpc.RpcError) as broken:
        server.channel.unary_unary("/fintag.v1.TaggingService/Tag")(b"\x0a\xff", timeout=60)
    assert broken.value.code() == grpc.StatusCode.INTERNAL


def test_a_base_encoder_cannot_tag(server):
    with pytest.raises(grpc.RpcError) as refused:
        server.tag(["text"], model="models/base")
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_precision_auto_chooses_once_and_shows_both_figures(start_server, trained):
    server = start_server("--precision", "auto")
    server.import_model("tagger", trained)

    def version():
        return server.models.GetModel(model_pb2.GetModelRequest(name="models/tagger")).versions[0]
    assert not version().HasField("precision")
    answer = server.tag(TEXTS)
    choice = version().precision
    assert [f.precision for f in choice.figures][0] == "fp32" and "threads" in choice.machine
    allowed = {f.precision: f.tokens_per_second for f in choice.figures if f.f1 >= choice.figures[0].f1 - 0.002}
    assert choice.chosen == max(allowed, key=allowed.get) and min(allowed.values()) > 0
    wait_for(lambda: re.search(rf"info model loaded model=models/tagger/versions/1 precision={choice.chosen} "
                               r"bytes=\d+ seconds=[\d.]+\n", server.text()), 10, "the line")
    recorded = (server.data / "models" / "tagger" / "1" / "precision.json")
    text = recorded.read_text(encoding="utf-8")
    assert choice.machine in text

    server.stop()
    server.start()
    again = server.tag(TEXTS)
    assert [r.entities for r in again.results] == [r.entities for r in answer.results]
    assert version().precision == choice and recorded.read_text(encoding="utf-8") == text
    shown = subprocess.run([BIN / "fintag", "models", "show", "tagger"], capture_output=True, text=True, check=True,
                           env=os.environ | {"FINTAG_SERVER": server.address}).stdout
    assert shown.count("(chosen)") == 1 and shown.count(" tokens/s on ") == len(choice.figures)
    # It says nothing on another machine: an export leaves it behind.
    parts = list(server.models.ExportModel(model_pb2.ExportModelRequest(name="models/tagger")))
    assert "fintag.json" in (names := [f.file_name for f in parts[0].start.files]) and "precision.json" not in names
