"""KServe's own gRPC client, as it comes from pip."""
import asyncio
import importlib.util
import json
import sys
import types

import grpc
import numpy as np
import pytest
from served_model import TEXTS, entities_of, served  # noqa: F401  (a fixture)

# The package's __init__ imports its whole model server (kubernetes, uvicorn and so on), of which the client needs none.
package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package
from kserve.inference_client import InferenceGRPCClient  # noqa: E402
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb  # noqa: E402
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as pb_grpc  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput  # noqa: E402


def run(server, body):
    async def connected():
        async with InferenceGRPCClient(server.address) as client:
            return await body(client)
    return asyncio.run(connected())


def request(data, model="sec", shape=None, **more):
    tensor = InferInput("TEXT", shape or [len(data)], "BYTES", data=None if isinstance(data, np.ndarray) else data)
    if isinstance(data, np.ndarray):
        tensor.set_data_from_numpy(data)
    return InferRequest(model_name=model, infer_inputs=[tensor], **more)


def decoded(response, name):
    return [json.loads(document) for document in response.get_output_by_name(name).as_numpy().reshape(-1)]


def test_live_and_ready(served):  # noqa: F811
    async def body(client):
        return [await client.is_server_live(), await client.is_server_ready(), await client.is_model_ready("sec"),
                await client.is_model_ready("nothing")]
    assert run(served, body) == [True, True, True, False]


def test_lists_and_arrays_are_tagged(served):  # noqa: F811
    expected = [entities_of(r) for r in served.tag(TEXTS, model="models/sec").results]

    async def body(client):
        return [await client.infer(request(list(TEXTS), request_id="k-1")),
                await client.infer(request(np.array([t.encode() for t in TEXTS], dtype=np.object_))),
                await client.infer(request([t.encode() for t in TEXTS], shape=[len(TEXTS), 1]))]
    answers = run(served, body)
    assert answers[0].id == "k-1" and answers[0].model_version == "1"
    assert all(decoded(answer, "ENTITIES") == expected for answer in answers)


def test_outputs_and_parameters_are_passed(served):  # noqa: F811
    async def body(client):
        return await client.infer(request(TEXTS[:1], parameters={"decoding": "constrained"}, model_version="1",
                                          request_outputs=[RequestedOutput("TAGS"), RequestedOutput("TOKENS")]))
    answer = run(served, body)
    assert [o.name for o in answer.outputs] == ["TAGS", "TOKENS"]
    tags, tokens = decoded(answer, "TAGS")[0], decoded(answer, "TOKENS")[0]
    assert len(tags) == len(tokens) and "".join(tokens) == TEXTS[0].replace(" ", "")


def test_errors_are_rpc_errors_with_the_field(served):  # noqa: F811
    for wrong, code, words in [
            (request(["a"], model="nothing"), grpc.StatusCode.NOT_FOUND, "nothing"),
            (request(["a"], shape=[2]), grpc.StatusCode.INVALID_ARGUMENT, "inputs[0].contents.bytes_contents: has 1"),
            (request(["a"], request_outputs=[RequestedOutput("X")]), grpc.StatusCode.INVALID_ARGUMENT, "outputs[0]"),
            (request(["a"], parameters={"x": True}), grpc.StatusCode.INVALID_ARGUMENT, "parameters: has x")]:
        with pytest.raises(grpc.RpcError) as refused:
            run(served, lambda client, wrong=wrong: client.infer(wrong))
        assert refused.value.code() == code and words in refused.value.details()


def test_kserves_form_of_load_and_unload(served):  # noqa: F811
    stub = pb_grpc.GRPCInferenceServiceStub(served.channel)
    unloaded = stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="sec"))
    assert (unloaded.model_name, unloaded.isUnloaded) == ("sec", True)
    assert not stub.ModelReady(pb.ModelReadyRequest(name="sec")).ready
    loaded = stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="sec"), timeout=60)
    assert (loaded.model_name, loaded.isLoaded) == ("sec", True)
    assert stub.ModelReady(pb.ModelReadyRequest(name="sec")).ready


def test_the_contract_is_kserves(tmp_path):
    from contract import as_files, differences, messages_of, methods_of, our_messages
    messages, methods = our_messages(tmp_path)
    theirs = messages_of(as_files(pb))
    # KServe sends the model's name where Triton's protocol has repository_name; the server takes both.
    assert differences(theirs, messages) == [("inference.RepositoryModelLoadRequest", "model_name"),
                                             ("inference.RepositoryModelUnloadRequest", "model_name")]
    assert methods_of(as_files(pb)).items() <= methods.items()
