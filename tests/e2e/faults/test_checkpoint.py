"""Weights that are not what was stored."""
import json
import os
import urllib.request

import grpc
import pytest
from conftest import CORPUS, sentences, state_of, wait_for
from fintag.v1 import model_pb2
from fintag.v1 import tagging_pb2 as pb
from test_disk import TEXTS, refused

LOST = grpc.StatusCode.DATA_LOSS


def flip(file):
    """One bit in the middle."""
    with open(file, "r+b") as weights:
        weights.seek(file.stat().st_size // 2)
        byte, = weights.read(1)
        weights.seek(-1, os.SEEK_CUR)
        weights.write(bytes([byte ^ 4]))


@pytest.fixture
def tagging(start_server, quick_tagger):
    """A server with two taggers, and the second one's weights."""
    server = start_server("--precision", "fp32")
    server.import_model("good", quick_tagger)
    server.import_model("bad", quick_tagger)
    return server, server.data / "models/bad/1/model.safetensors"


def test_one_wrong_bit_is_found_before_anything_is_tagged(tagging):
    server, weights = tagging
    flip(weights)
    error = refused(lambda: server.tag(TEXTS, model="models/bad"), LOST, "models/bad/versions/1", "SHA-256", "restore")
    assert str(server.data) not in error.details()
    assert "stored data is damaged" in server.text() and "models/bad/versions/1" in server.text()
    assert server.metric('fintag_requests_total{code="DATA_LOSS",method="fintag.v1.TaggingService/Tag"}') == 1
    # In a stream too, where it is one request's answer.
    request = pb.TagStreamRequest(model="models/bad", inputs=[pb.TextInput(text=TEXTS[0])])
    answer, = server.tagging.TagStream(iter([request]), timeout=60)
    assert answer.error.code == LOST.value[0]
    assert server.metric('fintag_requests_total{code="DATA_LOSS",method="fintag.v1.TaggingService/TagStream"}') == 1
    refused(lambda: export(server), LOST, "SHA-256")
    server.tag(TEXTS, model="models/good")
    flip(weights)
    server.tag(TEXTS, model="models/bad")


def export(server):
    return list(server.models.ExportModel(model_pb2.ExportModelRequest(name="models/bad")))


def test_a_damaged_shard_is_no_more_given_out_than_one_file(tagging):
    server, weights = tagging
    # The same bytes, and so the same SHA-256, as a checkpoint of one shard.
    whole = weights.read_bytes()
    names = json.loads(whole[8:8 + int.from_bytes(whole[:8], "little")])
    shard = weights.with_name("model-00001-of-00001.safetensors")
    weights.with_name("model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {name: shard.name for name in names if name != "__metadata__"}}), encoding="utf-8")
    weights.rename(shard)
    server.tag(TEXTS, model="models/bad")
    assert export(server)
    flip(shard)
    refused(lambda: export(server), LOST, "models/bad/versions/1", "SHA-256")


def test_nothing_is_trained_from_a_damaged_base(tagging):
    server, weights = tagging
    server.upload("small", sentences(CORPUS / "train.conll", 30))
    flip(weights)
    job = server.submit(base="bad", epochs=1)
    assert [state_of(e) for e in server.watch(job.name)][-1] == "FAILED"
    assert "weights of the base are damaged" in server.job(job.name).failure_reason


def test_weights_that_are_cut_or_gone_are_told(tagging):
    server, weights = tagging
    whole = weights.read_bytes()
    os.truncate(weights, len(whole) // 2)
    refused(lambda: server.tag(TEXTS, model="models/bad"), LOST, "models/bad/versions/1")
    weights.unlink()
    refused(lambda: server.tag(TEXTS, model="models/bad"), LOST, "models/bad/versions/1")
    weights.write_bytes(whole)
    server.tag(TEXTS, model="models/bad")


def test_weights_in_use_outlive_their_file(tagging):
    server, weights = tagging
    before = server.tag(TEXTS, model="models/bad").SerializeToString(deterministic=True)
    os.truncate(weights, 1000)
    # Pages that were mapped would be gone now, and a process that touches one is killed.
    words = " ".join(f"word{number} Zürich {chr(0x4e00 + number)}" for number in range(400))
    server.tag([words, *TEXTS], model="models/bad")
    assert server.tag(TEXTS, model="models/bad").SerializeToString(deterministic=True) == before
    assert urllib.request.urlopen(f"{server.http}/healthz", timeout=5).status == 200
    server.stop()
    server.start()
    refused(lambda: server.tag(TEXTS, model="models/bad"), LOST, "models/bad/versions/1")
    server.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/bad"))
    wait_for(lambda: not weights.exists())
