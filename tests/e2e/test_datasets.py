"""Datasets over the wire: descriptions, errors by line, checksums, limits."""
import grpc
import pytest
from conftest import CORPUS, sha256
from fintag.v1 import dataset_pb2 as pb
from fintag.v1 import dataset_pb2_grpc
from google.rpc import error_details_pb2, status_pb2


def violations(error):
    """BadRequest's field violations of an RpcError as {field: description}."""
    trailer = dict(error.trailing_metadata())["grpc-status-details-bin"]
    found = {}
    for detail in status_pb2.Status.FromString(trailer).details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found.update({v.field: v.description for v in bad.field_violations})
    return found


def reasons(error):
    """ErrorInfo's reasons."""
    trailer = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    return [info.reason for detail in status_pb2.Status.FromString(trailer).details if detail.Unpack(info)]


def retry_seconds(error):
    """RetryInfo's delay; None where there is none."""
    trailer = dict(error.trailing_metadata())["grpc-status-details-bin"]
    retry = error_details_pb2.RetryInfo()
    delays = [retry.retry_delay.ToTimedelta().total_seconds()
              for detail in status_pb2.Status.FromString(trailer).details if detail.Unpack(retry)]
    return delays[0] if delays else None


def test_a_dataset_is_described(start_server):
    server = start_server()
    train, validation = (CORPUS / "train.conll").read_bytes(), (CORPUS / "validation.conll").read_bytes()
    dataset = server.upload("own", train, validation)
    assert dataset == server.datasets.GetDataset(pb.GetDatasetRequest(name="datasets/own"))
    assert dataset.train.sentences >= 400 and dataset.train.documents > 20 and dataset.train.scheme == "IOB2"
    assert dataset.train.sha256 == sha256(train) and dataset.train.size_bytes == len(train)
    assert list(dataset.labels) == ["LOC", "MISC", "ORG", "PER"]
    assert sum(dataset.train.entities_by_label.values()) == dataset.train.entities
    assert 0 < dataset.word_lookup.micro.f1 < 0.80
    # The same content again is no error, other content is.
    assert server.upload("own", train, validation).create_time == dataset.create_time
    with pytest.raises(grpc.RpcError) as taken:
        server.upload("own", validation)
    assert taken.value.code() == grpc.StatusCode.ALREADY_EXISTS and reasons(taken.value) == ["ALREADY_EXISTS"]


def test_every_wrong_line_is_named(start_server):
    server = start_server()
    lines = ["Acme\tB-ORG", "Inc\tI-ORG", "", "lonely", "", "in\tO", "Paris\tX-LOC", ""]
    with pytest.raises(grpc.RpcError) as wrong:
        server.upload("bad", "\n".join(lines).encode(), b"fine\tO\nParis\tB-LOC\nwrong\tB-\n")
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert {"train:4", "train:7", "validation:3"} <= set(violations(wrong.value))
    assert not server.datasets.ListDatasets(pb.ListDatasetsRequest()).datasets


def test_at_most_a_hundred_errors_come_back(start_server):
    server = start_server()
    with pytest.raises(grpc.RpcError) as wrong:
        server.upload("bad", b"lonely\n" * 500, max_errors=100)
    assert len(violations(wrong.value)) == 100


def test_a_stock_client_receives_as_many_errors_as_its_metadata_holds(start_server):
    server = start_server()
    server.channel = grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
    server.datasets = dataset_pb2_grpc.DatasetServiceStub(server.channel)
    with pytest.raises(grpc.RpcError) as wrong:
        server.upload("bad", b"lonely\n" * 500)
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert 10 < len(violations(wrong.value)) < 100 and "more" in wrong.value.details()


def send(server, *messages):
    return server.datasets.UploadDataset(iter(messages), timeout=20)


def start(data, **changes):
    fields = dict(file_name="train.conll", size_bytes=len(data), sha256=sha256(data)) | changes
    return pb.UploadDatasetRequest(start=pb.UploadDatasetStart(dataset_id="d", train=pb.FileDescription(**fields)))


def test_a_damaged_or_cut_upload_is_refused_and_leaves_nothing(start_server):
    server = start_server("--max-dataset-bytes", "1000")
    data = b"Acme\tB-ORG\n\nParis\tB-LOC\n"
    chunk = pb.UploadDatasetRequest(chunk=pb.FileChunk(data=data))
    for field, *messages in (["train.sha256", start(data, sha256=sha256(b"other")), chunk],
                             ["train.size_bytes", start(data, size_bytes=len(data) + 1), chunk],
                             ["train.size_bytes", start(data, size_bytes=len(data) - 1, sha256=sha256(data[:-1])), chunk],
                             ["train.size_bytes", start(data, size_bytes=1001), chunk],
                             ["train.sha256", start(data, sha256="XYZ"), chunk],
                             ["start", chunk]):
        with pytest.raises(grpc.RpcError) as refused:
            send(server, *messages)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, messages
        assert violations(refused.value).keys() == {field}, messages
    assert not server.datasets.ListDatasets(pb.ListDatasetsRequest()).datasets
    assert send(server, start(data), chunk).train.sentences == 2
    leftovers = [p for p in (server.data / "datasets").rglob("*") if p.is_file() and p.parent.name != "d"]
    assert not leftovers
