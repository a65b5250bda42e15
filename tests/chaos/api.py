"""The calls of one client, and what an answer or its absence means."""
import enum

import grpc
from e2e import chunks, sha256
from fintag.v1 import (dataset_pb2, dataset_pb2_grpc, model_pb2, model_pb2_grpc, tagging_pb2, tagging_pb2_grpc,
                       training_pb2, training_pb2_grpc)

# Codes that a broken connection gives as well: the call may have been done.
DOUBTFUL = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 1 << 20),
           ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
           ("grpc.max_reconnect_backoff_ms", 500)]
PATIENCE = 10  # seconds that a call may take


class End(enum.Enum):
    DONE = "done"
    REFUSED = "refused"  # the server said that it did nothing
    DOUBT = "in doubt"   # either


def end_of(error):
    return End.DOUBT if error.code() in DOUBTFUL else End.REFUSED


def by_server(error):
    """Whether the server itself gave this error: its own have details, the transport's have none."""
    return any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ())


class Api:
    """Stubs on a connection of its own."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)
        self.datasets = dataset_pb2_grpc.DatasetServiceStub(self.channel)
        self.models = model_pb2_grpc.ModelServiceStub(self.channel)
        self.jobs = training_pb2_grpc.TrainingServiceStub(self.channel)
        self.tagging = tagging_pb2_grpc.TaggingServiceStub(self.channel)

    def upload(self, dataset_id, train, validation):
        def describe(data, name):
            return dataset_pb2.FileDescription(file_name=name, size_bytes=len(data), sha256=sha256(data))

        def messages():
            yield dataset_pb2.UploadDatasetRequest(start=dataset_pb2.UploadDatasetStart(
                dataset_id=dataset_id, train=describe(train, "train.conll"),
                validation=describe(validation, "validation.conll")))
            for piece in chunks(train + validation, 1 << 12):
                yield dataset_pb2.UploadDatasetRequest(chunk=dataset_pb2.FileChunk(data=piece))
        return self.datasets.UploadDataset(messages(), timeout=PATIENCE)

    def import_model(self, model_id, files, request_id):
        def messages():
            yield model_pb2.ImportModelRequest(start=model_pb2.ImportModelStart(
                model_id=model_id, request_id=request_id, files=[
                    dataset_pb2.FileDescription(file_name=name, size_bytes=len(data), sha256=sha256(data))
                    for name, data in files.items()]))
            for data in files.values():
                for piece in chunks(data, 1 << 14):
                    yield model_pb2.ImportModelRequest(chunk=dataset_pb2.FileChunk(data=piece))
        return self.models.ImportModel(messages(), timeout=PATIENCE)

    def export_model(self, name):
        """Its files: name -> bytes."""
        described, data = [], b""
        for message in self.models.ExportModel(model_pb2.ExportModelRequest(name=name), timeout=PATIENCE):
            if message.HasField("start"):
                described = message.start.files
            data += message.chunk.data
        files = {}
        for file in described:
            files[file.file_name], data = data[:file.size_bytes], data[file.size_bytes:]
            assert sha256(files[file.file_name]) == file.sha256, f"{name}: {file.file_name} differs from its SHA-256"
        return files

    def create_job(self, spec, request_id):
        return self.jobs.CreateJob(training_pb2.CreateJobRequest(spec=spec, request_id=request_id), timeout=PATIENCE)

    def job(self, name):
        return self.jobs.GetJob(training_pb2.GetJobRequest(name=name), timeout=PATIENCE)

    def watch(self, name, after=0):
        return self.jobs.WatchJob(training_pb2.WatchJobRequest(name=name, after_sequence=after), timeout=60)

    def tag(self, model, sentences):
        """The tags of sentences that are split into words."""
        answer = self.tagging.Tag(tag_request(model, sentences), timeout=PATIENCE)
        return [[word.tag for word in result.words] for result in answer.results]

    def list_all(self, kind):
        """Every resource of a kind ("datasets", "models" or "jobs"), page by page: name -> message."""
        method, request = {
            "datasets": (self.datasets.ListDatasets, dataset_pb2.ListDatasetsRequest),
            "models": (self.models.ListModels, model_pb2.ListModelsRequest),
            "jobs": (self.jobs.ListJobs, training_pb2.ListJobsRequest)}[kind]
        found, token = {}, ""
        while True:
            page = method(request(page_size=7, page_token=token), timeout=PATIENCE)
            for message in getattr(page, kind):
                assert message.name not in found, f"{message.name} is listed twice"
                found[message.name] = message
            token = page.next_page_token
            if not token:
                return found


def tag_request(model, sentences):
    return tagging_pb2.TagRequest(
        model=model, options=tagging_pb2.TagOptions(include_words=True),
        inputs=[tagging_pb2.TextInput(words=tagging_pb2.Words(words=words)) for words, _ in sentences])
