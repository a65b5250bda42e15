"""NVIDIA's own client, tritonclient, as it comes from pip: the Open Inference Protocol beside fintag.v1."""
import asyncio
import json
import queue
import threading

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from conftest import wait_for
from fintag.v1 import tagging_pb2
from served_model import TEXTS, entities_of, served  # noqa: F401  (a fixture)
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException


@pytest.fixture(name="client")
def connected(served):  # noqa: F811
    with triton.InferenceServerClient(served.address) as client:
        yield client


def tensor(texts, shape=None, name="TEXT", datatype="BYTES"):
    data = np.array([t.encode() for t in texts], dtype=np.object_)
    made = triton.InferInput(name, list(data.shape), datatype)
    made.set_data_from_numpy(data)
    return made if shape is None else made.set_shape(shape)


def wanted(*names):
    return [triton.InferRequestedOutput(name) for name in names]


def decoded(result, name):
    return [json.loads(document) for document in result.as_numpy(name)]


def refused(call, code="INVALID_ARGUMENT"):
    """The message with which `call` is refused."""
    with pytest.raises(InferenceServerException) as error:
        call()
    assert error.value.status() == f"StatusCode.{code}", error.value
    return error.value.message()


def test_the_server_and_its_models_describe_themselves(client):
    assert client.is_server_live() and client.is_server_ready()
    server = client.get_server_metadata()
    assert server.name == "fintag" and "statistics" in server.extensions
    model = client.get_model_metadata("sec")
    assert list(model.versions) == ["1"] and model.platform == "fintag_libtorch"
    assert [(t.name, t.datatype, list(t.shape)) for t in model.inputs] == [("TEXT", "BYTES", [-1])]
    assert [t.name for t in model.outputs] == ["ENTITIES", "TAGS", "TOKENS"]
    config = client.get_model_config("sec", "1", as_json=True)["config"]
    assert config["input"] == [{"name": "TEXT", "data_type": "TYPE_STRING", "dims": ["-1"]}]
    assert config["parameters"]["labels"]["string_value"] == "LOC,MISC,ORG,PER"
    assert config["parameters"]["max_texts"]["string_value"] == "64"


def test_unknown_models_are_not_ready_and_not_found(client):
    assert client.is_model_ready("sec") and client.is_model_ready("sec", "1")
    for name, version in (("nothing", ""), ("sec", "2"), ("base", ""), ("Not A Name", "")):
        assert not client.is_model_ready(name, version)
    assert "nothing" in refused(lambda: client.get_model_metadata("nothing"), "NOT_FOUND")
    assert "nothing" in refused(lambda: client.infer("nothing", [tensor(["a"])]), "NOT_FOUND")
    assert "versions/2" in refused(lambda: client.infer("sec", [tensor(["a"])], model_version="2"), "NOT_FOUND")
    refused(lambda: client.get_model_config("base"), "FAILED_PRECONDITION")
    assert "version" in refused(lambda: client.is_model_ready("sec", "newest"))


def test_tensors_say_what_the_tagging_service_says(served, client):  # noqa: F811
    texts = TEXTS + ["", "👋 " + TEXTS[0].replace("a", "á")]
    expected = served.tag(texts, model="models/sec", include_words=True).results
    result = client.infer("sec", [tensor(texts)], request_id="r-1", outputs=wanted("TOKENS", "ENTITIES", "TAGS"))
    answer = result.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("r-1", "sec", "1")
    assert [(o.name, list(o.shape)) for o in answer.outputs] == [(n, [5]) for n in ("TOKENS", "ENTITIES", "TAGS")]
    assert decoded(result, "ENTITIES") == [entities_of(r) for r in expected] and any(r.entities for r in expected)
    assert decoded(result, "TOKENS") == [[w.text for w in r.words] for r in expected]
    assert decoded(result, "TAGS") == [[w.tag for w in r.words] for r in expected]
    for text, entities in zip(texts, decoded(result, "ENTITIES")):
        assert all(text[e["start"]:e["end"]] == e["text"] for e in entities)


def test_entities_alone_without_outputs_and_columns_are_taken(client):
    plain = client.infer("sec", [tensor(TEXTS)], model_version="1")
    column = client.infer("sec", [tensor(TEXTS, [len(TEXTS), 1])])
    assert [o.name for o in plain.get_response().outputs] == ["ENTITIES"]
    assert plain.get_response().raw_output_contents == column.get_response().raw_output_contents


def test_constrained_decoding_is_a_parameter(served, client):  # noqa: F811
    text = " ".join(TEXTS * 3)
    expected = served.tag([text], model="models/sec", include_words=True, decoding=tagging_pb2.DECODING_CONSTRAINED)
    result = client.infer("sec", [tensor([text])], outputs=wanted("TAGS"), parameters={"decoding": "constrained"})
    assert decoded(result, "TAGS") == [[w.tag for w in expected.results[0].words]]


def test_contents_in_the_message_instead_of_raw_ones(served):  # noqa: F811
    stub = service_pb2_grpc.GRPCInferenceServiceStub(served.channel)
    request = service_pb2.ModelInferRequest(model_name="sec", inputs=[service_pb2.ModelInferRequest.InferInputTensor(
        name="TEXT", datatype="BYTES", shape=[1],
        contents=service_pb2.InferTensorContents(bytes_contents=[TEXTS[0].encode()]))])
    raw = stub.ModelInfer(request).raw_output_contents
    assert json.loads(raw[0][4:]) == entities_of(served.tag([TEXTS[0]], model="models/sec").results[0])


def test_wrong_requests_are_told_the_field(client):
    good = tensor(["a", "b"])
    cut = tensor(["a", "b"])
    cut._raw_content = cut._raw_content[:-1]
    for call, words in [
            (lambda: client.infer("sec", []), "inputs: must be one tensor, TEXT"),
            (lambda: client.infer("sec", [good, good]), "inputs: must be one tensor, TEXT"),
            (lambda: client.infer("sec", [tensor(["a"], name="INPUT0")]), "inputs[0].name: must be TEXT, is INPUT0"),
            (lambda: client.infer("sec", [tensor(["a", "b"], [1, 2])]), "inputs[0].shape: must be [n] or [n, 1]"),
            (lambda: client.infer("sec", [tensor(["a", "b"], [3])]), "raw_input_contents[0]: has 2 texts, the shape"),
            (lambda: client.infer("sec", [tensor(["a"] * 65)]), "inputs[0].shape: must be [n] or [n, 1] with n from 1 "
                                                               "to 64, is [65]"),
            (lambda: client.infer("sec", [cut]), "raw_input_contents[0]: says at byte"),
            (lambda: client.infer("sec", [good], outputs=wanted("LOGITS")), "outputs[0].name: must be ENTITIES"),
            (lambda: client.infer("sec", [good], outputs=[triton.InferRequestedOutput("TAGS", class_count=3)]),
             "outputs[0].parameters: has classification"),
            (lambda: client.infer("sec", [good], parameters={"beam": 3}), "parameters: has beam, which is not known"),
            (lambda: client.infer("sec", [good], parameters={"decoding": "best"}), "parameters[decoding]: must be"),
            (lambda: client.infer("sec", [good], priority=1), "parameters: has priority"),
            (lambda: client.infer("models/sec", [good]), "model_name: must be 1 to 63"),
            (lambda: client.infer("sec", [tensor(["a", "x" * 100001])]), "TEXT[1]: must be 100000 bytes at most"),
    ]:
        assert words in refused(call)
    numbers = triton.InferInput("TEXT", [2], "FP32")
    numbers.set_data_from_numpy(np.zeros(2, dtype=np.float32))
    assert "inputs[0].datatype: must be BYTES, is FP32" in refused(lambda: client.infer("sec", [numbers]))
    latin = triton.InferInput("TEXT", [1], "BYTES")
    latin.set_data_from_numpy(np.array([b"caf\xe9"], dtype=np.object_))
    assert "TEXT[0]" in refused(lambda: client.infer("sec", [latin]))


def test_a_request_has_a_deadline_of_its_own_and_the_calls(client):
    long = " ".join(TEXTS * 100)
    assert "deadline" in refused(lambda: client.infer("sec", [tensor([long])], timeout=1), "DEADLINE_EXCEEDED")
    refused(lambda: client.infer("sec", [tensor([long] * 4)], client_timeout=0.02), "DEADLINE_EXCEEDED")
    assert client.infer("sec", [tensor(["a"])], timeout=30_000_000).as_numpy("ENTITIES").size == 1


def test_a_full_queue_refuses_here_too(start_server, trained):
    server = start_server("--max-queue-tokens", "2000")
    server.import_model("sec", trained)
    with triton.InferenceServerClient(server.address) as client:
        assert "TEXT" in refused(lambda: client.infer("sec", [tensor([" ".join(TEXTS * 60)])]))
        long = tensor([" ".join(TEXTS * 12)])
        answers = queue.Queue()
        for _ in range(12):
            client.async_infer("sec", [long], lambda result, error: answers.put(error))
        errors = [answers.get(timeout=60) for _ in range(12)]
    assert any(e is None for e in errors)
    assert {e.status() for e in errors if e} == {"StatusCode.RESOURCE_EXHAUSTED"}


def test_many_callers_get_their_own_answers(client):
    texts = [f"{TEXTS[i % 3]} Number {i}." for i in range(40)]
    alone = [decoded(client.infer("sec", [tensor([t])], outputs=wanted("TOKENS")), "TOKENS")[0] for t in texts]
    answers = {}
    threads = [threading.Thread(target=lambda i=i: answers.update(
        {i: decoded(client.infer("sec", [tensor([texts[i]])], outputs=wanted("TOKENS")), "TOKENS")[0]}))
        for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[i] for i in range(40)] == alone


def test_a_stream_answers_in_order_and_survives_errors(client):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    requests = [[tensor(TEXTS)], [tensor(["a"], [7])], [tensor(["Acme"] * 3)]]
    for i, inputs in enumerate(requests):
        client.async_stream_infer("sec", inputs, request_id=str(i), enable_empty_final_response=True)
    client.async_stream_infer("nothing", [tensor(["a"])])
    client.async_stream_infer("sec", [tensor(TEXTS[:1])], request_id="last", outputs=wanted("TAGS"))
    got = [answers.get(timeout=60) for _ in range(5)]
    client.stop_stream()
    assert [None if error else result.get_response().id for result, error in got] == ["0", None, "2", None, "last"]
    assert "raw_input_contents[0]: has 1 texts, the shape says 7" in got[1][1].message()
    assert "nothing" in got[3][1].message()
    assert got[0][0].get_response().parameters["triton_final_response"].bool_param
    assert decoded(got[0][0], "ENTITIES") == decoded(client.infer("sec", [tensor(TEXTS)]), "ENTITIES")
    assert answers.empty()


def test_the_asyncio_client_calls_and_streams(served, client):  # noqa: F811
    expected = [decoded(client.infer("sec", [tensor([t])]), "ENTITIES") for t in TEXTS]

    async def run():
        async with triton_aio.InferenceServerClient(served.address) as aio:
            assert await aio.is_server_ready() and not await aio.is_model_ready("nothing")
            results = await asyncio.gather(*(aio.infer("sec", [tensor([t])]) for t in TEXTS * 5))
            assert [decoded(r, "ENTITIES") for r in results] == expected * 5
            with pytest.raises(InferenceServerException):
                await aio.infer("sec", [tensor(["a"])], outputs=wanted("NOTHING"))

            async def requests():
                for text in TEXTS:
                    yield {"model_name": "sec", "inputs": [tensor([text])]}
                yield {"model_name": "sec", "inputs": [tensor(["a"], [2])]}
            streamed = [answer async for answer in aio.stream_infer(requests())]
            assert [decoded(result, "ENTITIES") for result, error in streamed if error is None] == expected
            assert len(streamed) == 4 and "shape says 2" in streamed[3][1].message()
    asyncio.run(run())


def test_models_are_loaded_and_unloaded_by_name(served, client):  # noqa: F811
    def states():
        return {(m.name, m.version): (m.state, m.reason) for m in client.get_model_repository_index().models}
    client.unload_model("sec", unload_dependents=True)
    assert not client.is_model_ready("sec") and not served_version(served).loaded
    assert states()["sec", "1"] == ("UNAVAILABLE", "it was unloaded: the next request loads it again")
    assert states()["base", "1"][0] == "UNAVAILABLE" and "base encoder" in states()["base", "1"][1]
    client.load_model("sec")
    assert client.is_model_ready("sec") and served_version(served).loaded
    assert states()["sec", "1"] == ("READY", "")
    loaded = served.metric("process_resident_memory_bytes")
    client.unload_model("sec")
    weights = served_version(served).size_bytes
    wait_for(lambda: served.metric("process_resident_memory_bytes") < loaded - 0.8 * weights, what="its memory given back")
    assert decoded(client.infer("sec", [tensor(TEXTS)]), "ENTITIES")  # loads it again
    assert client.is_model_ready("sec")
    refused(lambda: client.load_model("nothing"), "NOT_FOUND")
    refused(lambda: client.unload_model("nothing"), "NOT_FOUND")
    refused(lambda: client.load_model("base"), "FAILED_PRECONDITION")
    assert "parameters: has config" in refused(lambda: client.load_model("sec", config="{}"))


def test_one_version_is_loaded_and_unloaded_by_a_parameter(served, client):  # noqa: F811
    stub = service_pb2_grpc.GRPCInferenceServiceStub(served.channel)

    def change(method, name, **value):
        getattr(stub, f"RepositoryModel{method}")(getattr(service_pb2, f"RepositoryModel{method}Request")(
            model_name=name, parameters={"version": service_pb2.ModelRepositoryParameter(**value)}), timeout=60)
    change("Unload", "sec", string_param="1")
    assert not client.is_model_ready("sec")
    change("Load", "sec", int64_param=1)
    assert client.is_model_ready("sec", "1")
    for wrong, code in ((dict(int64_param=7), grpc.StatusCode.NOT_FOUND),
                        (dict(string_param="newest"), grpc.StatusCode.INVALID_ARGUMENT),
                        (dict(bool_param=True), grpc.StatusCode.INVALID_ARGUMENT),
                        (dict(bytes_param=b"1"), grpc.StatusCode.INVALID_ARGUMENT)):
        for method in ("Load", "Unload"):
            with pytest.raises(grpc.RpcError) as error:
                change(method, "sec", **wrong)
            assert error.value.code() == code
    assert client.is_model_ready("sec", "1")


def test_there_is_one_repository(served):  # noqa: F811
    stub = service_pb2_grpc.GRPCInferenceServiceStub(served.channel)

    def refused_repository(method, **fields):
        with pytest.raises(grpc.RpcError) as error:
            getattr(stub, method)(getattr(service_pb2, f"{method}Request")(**fields), timeout=60)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert error.value.details() == "repository_name: must be empty: there is one repository"
    refused_repository("RepositoryModelLoad", repository_name="other", model_name="sec")
    refused_repository("RepositoryModelUnload", repository_name="other", model_name="sec")
    refused_repository("RepositoryIndex", repository_name="other")
    # Alone it is the model's name, as KServe's clients send it.
    stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(repository_name="sec"), timeout=60)


def test_the_index_lists_only_what_is_ready_where_that_is_asked(served, client):  # noqa: F811
    stub = service_pb2_grpc.GRPCInferenceServiceStub(served.channel)

    def ready():
        index = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(ready=True), timeout=60)
        return [(m.name, m.version, m.state) for m in index.models]
    client.load_model("sec")
    assert ready() == [("sec", "1", "READY")]
    client.unload_model("sec")
    assert ready() == []
    assert {m.name for m in client.get_model_repository_index().models} == {"sec", "base"}


def test_a_message_beyond_the_servers_limit_is_refused(start_server, trained):
    server = start_server("--max-message-bytes", "300000")
    server.import_model("sec", trained)
    with triton.InferenceServerClient(server.address) as client:
        message = refused(lambda: client.infer("sec", [tensor(["x" * 300000])]), "RESOURCE_EXHAUSTED")
        assert "300000" in message
        assert client.infer("sec", [tensor(TEXTS)]).as_numpy("ENTITIES").size == 3  # on the same connection


def served_version(server):
    from fintag.v1 import model_pb2
    return server.models.GetModel(model_pb2.GetModelRequest(name="models/sec")).versions[0]


def test_statistics_count_what_was_done(served, client):  # noqa: F811
    client.unload_model("sec")
    assert client.get_inference_statistics("sec").model_stats[0].inference_count == 0
    for _ in range(3):
        client.infer("sec", [tensor(TEXTS)])
    served.tag(TEXTS[:1], model="models/sec")  # by the other service: the same scheduler
    refused(lambda: client.infer("sec", [tensor(["a"] * 2)], timeout=1), "DEADLINE_EXCEEDED")
    stats, = client.get_inference_statistics("sec", "1").model_stats
    assert (stats.name, stats.version, stats.inference_count) == ("sec", "1", 10)
    assert stats.execution_count == stats.inference_stats.compute_infer.count >= 4
    times = stats.inference_stats
    assert times.success.count == times.compute_input.count == times.compute_output.count == 4
    assert times.fail.count == 1 and times.fail.ns > 0 and times.queue.count >= 4
    assert times.success.ns > times.compute_infer.ns > times.compute_output.ns > 0
    assert [m.name for m in client.get_inference_statistics().model_stats] == ["sec"]
    refused(lambda: client.get_inference_statistics("nothing"), "NOT_FOUND")
    assert "version: must be empty where there is no name" in refused(
        lambda: client.get_inference_statistics(model_version="1"))


def test_calls_are_counted_and_logged_like_all_others(served, client):  # noqa: F811
    def count(code):
        return served.metric(
            f'fintag_requests_total{{code="{code}",method="inference.GRPCInferenceService/ModelInfer"}}') or 0
    sentences = 'fintag_sentences_total{model="sec",version="1"}'
    client.infer("sec", [tensor(TEXTS)])
    before = count("OK"), count("INVALID_ARGUMENT"), served.metric(sentences)
    client.infer("sec", [tensor(TEXTS)])
    refused(lambda: client.infer("sec", [tensor(TEXTS, [9])]))
    assert (count("OK"), count("INVALID_ARGUMENT"), served.metric(sentences)) == tuple(
        n + more for n, more in zip(before, (1, 1, 3)))
    assert "inference.GRPCInferenceService/ModelInfer" in served.text() and TEXTS[0] not in served.text()


def test_what_is_not_offered_says_so(client):
    for call in (client.get_system_shared_memory_status, client.get_cuda_shared_memory_status,
                 client.get_trace_settings, client.get_log_settings):
        refused(call, "UNIMPLEMENTED")


def test_the_contract_is_tritons(tmp_path):
    from contract import as_files, differences, messages_of, methods_of, our_messages
    from tritonclient.grpc import model_config_pb2
    theirs = as_files(service_pb2, model_config_pb2)
    messages, methods = our_messages(tmp_path)
    # The fields of KServe's answers, for which Triton's messages are empty.
    assert differences(messages, messages_of(theirs)) == [
        ("inference.RepositoryModelLoadResponse", "isLoaded"),
        ("inference.RepositoryModelLoadResponse", "model_name"),
        ("inference.RepositoryModelUnloadResponse", "isUnloaded"),
        ("inference.RepositoryModelUnloadResponse", "model_name")]
    assert len(methods) == 12 and methods.items() <= methods_of(theirs).items()
