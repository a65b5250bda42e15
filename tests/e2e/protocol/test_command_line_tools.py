"""Stock tools that learn the contract from the server: grpcurl itself, and what grpc_health_probe asks."""
import base64
import json
import pathlib
import struct
import subprocess
import sys

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from served_model import TEXTS, entities_of, served  # noqa: F401  (a fixture)

GRPCURL = pathlib.Path(sys.executable).parent / "grpcurl"
SERVICES = ["fintag.v1.AdminService", "fintag.v1.DatasetService", "fintag.v1.ModelService", "fintag.v1.TaggingService",
            "fintag.v1.TrainingService", "inference.GRPCInferenceService"]


def grpcurl(server, *arguments, data=None):
    options = [] if data is None else ["-d", json.dumps(data)]
    return subprocess.run([GRPCURL, "-plaintext", *options, server.address, *arguments], capture_output=True,
                          text=True, encoding="utf-8", check=False, timeout=60)


def answer(server, method, data):
    done = grpcurl(server, method, data=data)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_reflection_lists_and_describes_everything(served):  # noqa: F811
    listed = grpcurl(served, "list").stdout.split()
    assert listed == sorted(SERVICES + ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"])
    for service in SERVICES:
        described = grpcurl(served, "describe", service)
        assert described.returncode == 0 and f"service {service.rsplit('.', 1)[1]} {{" in described.stdout
    assert "rpc ModelStreamInfer" in grpcurl(served, "describe", "inference.GRPCInferenceService").stdout


def test_calls_by_reflection(served):  # noqa: F811
    tagged = answer(served, "fintag.v1.TaggingService/Tag", {"model": "models/sec", "inputs": [{"text": TEXTS[0]}]})
    expected = entities_of(served.tag([TEXTS[0]], model="models/sec").results[0])
    assert [e["text"] for e in tagged["results"][0]["entities"]] == [e["text"] for e in expected]
    raw = base64.b64encode(struct.pack("<I", len(TEXTS[0].encode())) + TEXTS[0].encode()).decode()
    inferred = answer(served, "inference.GRPCInferenceService/ModelInfer", {
        "model_name": "sec", "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [1]}],
        "raw_input_contents": [raw]})
    assert json.loads(base64.b64decode(inferred["raw_output_contents"][0])[4:]) == expected
    assert answer(served, "inference.GRPCInferenceService/ServerReady", {}) == {"ready": True}


def test_errors_come_with_their_details(served):  # noqa: F811
    wrong = grpcurl(served, "inference.GRPCInferenceService/ModelInfer", data={"model_name": "sec"})
    assert wrong.returncode != 0 and "Code: InvalidArgument" in wrong.stderr
    assert "inputs: must be one tensor" in wrong.stderr and "google.rpc.BadRequest" in wrong.stderr


def test_health_is_told_of_the_server_and_of_each_service_by_name(served):  # noqa: F811
    for service in ["", *SERVICES]:
        assert answer(served, "grpc.health.v1.Health/Check", {"service": service}) == {"status": "SERVING"}
    unknown = grpcurl(served, "grpc.health.v1.Health/Check", data={"service": "nothing"})
    assert unknown.returncode != 0 and "NotFound" in unknown.stderr


def probe(address, service=""):
    """As grpc_health_probe does it: connect within a second, check within a second, 0 if SERVING."""
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=1)
        except grpc.FutureTimeoutError:
            return 2  # not connected
        try:
            status = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=1).status
        except grpc.RpcError:
            return 3  # the check failed
        return 0 if status == health_pb2.HealthCheckResponse.SERVING else 4


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
def test_a_health_probe_follows_the_server(start_server, service):
    server = start_server()
    assert probe(server.address, service) == 0
    assert probe(server.address, "nothing") == 3
    server.stop()
    assert probe(server.address, service) == 2
