"""A server that only serves the models of another: one data folder, two servers."""
import os
import shutil

import grpc
import pytest
from conftest import BASE, Server, wait_for
from fintag.v1 import admin_pb2, dataset_pb2, model_pb2, tagging_pb2, training_pb2
from google.protobuf import message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc

TEXT = "Alpine Credit Corp. lent money to Jane Porter in Zürich."


# What root may do, a server in production may not: without its capabilities it is stopped by permissions, too.
WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.getuid() == 0 else ()


def state_of_files(folder):
    """Of every file and folder what a writer would change; access times alone may."""
    return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_size, p.lstat().st_ino) for p in [folder, *folder.rglob("*")]}


@pytest.fixture
def replica(start_server):
    """Starts a replica of a server's, or of a folder."""
    return lambda data, *options: start_server("--role", "serve", *options, data=data.name)


def versions(server, name):
    try:
        return [v.name for v in server.models.GetModel(model_pb2.GetModelRequest(name=name)).versions]
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return []


def test_a_replica_tags_as_its_primary_and_writes_nothing(start_server, replica, trained):
    primary = start_server("--precision", "fp32")
    primary.import_model("tagger", trained)
    before = state_of_files(primary.data)
    follower = replica(primary.data)
    assert health_pb2_grpc.HealthStub(follower.channel).Check(
        health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    assert list(follower.tag([TEXT]).results) == list(primary.tag([TEXT]).results)
    name = model_pb2.GetModelRequest(name="models/tagger")
    assert follower.models.GetModel(name).versions[0].scores == primary.models.GetModel(name).versions[0].scores
    assert follower.metric('fintag_sentences_total{model="tagger",version="1"}') == 1
    assert follower.metric('fintag_queue_tokens{model="tagger",version="1"}') == 0
    # Precision "auto" measures and chooses, and keeps what it found to itself.
    fast = replica(primary.data, "--precision", "auto")
    assert fast.tag([TEXT]).results[0].entities
    for server in (follower, fast):
        assert server.stop() == 0
    assert state_of_files(primary.data) == before


def test_a_replica_needs_no_right_to_write(start_server, trained, tmp_path):
    primary = start_server()
    primary.import_model("tagger", trained)
    assert primary.stop() == 0
    # Of what a reader needs, and no more: the models, each file as the server made it.
    copy = tmp_path / "copy"
    shutil.copytree(primary.data / "models", copy / "models")
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with pytest.raises(AssertionError, match="cannot write in"):
            Server(copy, prefix=WITHOUT_PRIVILEGES)
        follower = Server(copy, "--role", "serve", "--precision", "auto", prefix=WITHOUT_PRIVILEGES)
        assert follower.tag([TEXT]).results[0].entities
        assert follower.stop() == 0
    finally:
        for path in [copy, *copy.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)


def test_versions_come_and_go_while_it_serves(start_server, replica, trained, tmp_path):
    primary = start_server()
    primary.import_model("tagger", trained)
    follower = replica(primary.data)
    assert follower.tag([TEXT]).model_version == "models/tagger/versions/1"
    primary.import_model("tagger", trained)
    wait_for(lambda: len(versions(follower, "models/tagger")) == 2, 5, "the second version")
    assert follower.tag([TEXT]).model_version == "models/tagger/versions/2"
    primary.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/tagger/versions/2"))
    with pytest.raises(grpc.RpcError) as gone:  # though the replica may not have looked since
        follower.export_model("models/tagger/versions/2", tmp_path / "gone")
    assert gone.value.code() == grpc.StatusCode.NOT_FOUND
    wait_for(lambda: versions(follower, "models/tagger") == ["models/tagger/versions/1"], 5, "its end")
    assert follower.tag([TEXT]).model_version == "models/tagger/versions/1"
    assert 'version="2"' not in follower.metrics()
    primary.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/tagger"))
    wait_for(lambda: versions(follower, "models/tagger") == [], 5, "the model's end")
    with pytest.raises(grpc.RpcError) as gone:
        follower.tag([TEXT])
    assert gone.value.code() == grpc.StatusCode.NOT_FOUND


def test_it_goes_on_without_its_primary_and_with_the_next(start_server, replica, trained):
    primary = start_server()
    primary.import_model("tagger", trained)
    follower = replica(primary.data)
    primary.stop()
    assert follower.tag([TEXT]).results[0].entities
    following = start_server(data=primary.data.name)  # the folder's lock is free
    following.import_model("other", BASE)
    wait_for(lambda: versions(follower, "models/other"), 5, "the next one's model")


@pytest.mark.parametrize("options", [(), ("--primary", "primary.example:50051")])
def test_what_it_does_not_do_says_whom_to_ask(start_server, replica, trained, options):
    primary = start_server()
    primary.import_model("tagger", trained)
    follower = replica(primary.data, *options)
    served = {"GetModel", "ListModels", "ExportModel"}
    for file in (admin_pb2, dataset_pb2, model_pb2, training_pb2, tagging_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                request = message_factory.GetMessageClass(method.input_type)()
                if hasattr(request, "name"):
                    request.name = "models/tagger"
                call = follower.channel.stream_stream(
                    f"/{service.full_name}/{method.name}", request_serializer=lambda m: m.SerializeToString(),
                    response_deserializer=lambda b: b)
                stream = call(iter([request]), timeout=30)
                try:
                    list(stream)
                    code = grpc.StatusCode.OK
                except grpc.RpcError as error:
                    code = error.code()
                if service.name == "TaggingService" or method.name in served:
                    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), method.full_name
                else:
                    assert code == grpc.StatusCode.FAILED_PRECONDITION, method.full_name
                    assert (options[1] if options else "the one that it follows") in stream.details()


def test_a_folder_of_no_server_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssertionError, match="--data-dir is the folder of the server to follow"):
        Server(tmp_path / "empty", "--role", "serve")
    assert not os.listdir(tmp_path / "empty")
