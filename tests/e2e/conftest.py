"""Real programs on loopback: every test starts fintagd with a data folder of its own and speaks gRPC to it.

Environment: FINTAG_BIN (folder of fintagd, fintag-train and fintag), FINTAG_TEST_BASE (a base encoder).
"""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["FINTAG_BIN"])
BASE = pathlib.Path(os.environ["FINTAG_TEST_BASE"])
CORPUS = ROOT / "tests/data/corpus"
# Sanitizers slow everything down.
PATIENCE = float(os.environ.get("FINTAG_PATIENCE", "1"))


def pytest_configure():
    """Writes the contract's Python stubs where the tests can import them."""
    out = pathlib.Path(os.environ.get("FINTAG_E2E_WORK", BIN.parent / "e2e")) / "stubs"
    out.mkdir(parents=True, exist_ok=True)
    protos = sorted(str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto/fintag/v1").glob("*.proto"))
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={out}",
                    f"--grpc_python_out={out}", *protos], check=True)
    sys.path.insert(0, str(out))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def chunks(data, size=1 << 18):
    for start in range(0, len(data), size):
        yield data[start:start + size]


class Server:
    """One fintagd; its stubs hang on it: server.jobs.CreateJob(...)."""

    def __init__(self, data, *options, prefix=()):
        """`prefix`: words of a command that runs the server's, such as nsenter."""
        self.data, self.options, self.prefix, self.process = data, options, prefix, None
        self.log = data.parent / f"{data.name}.log"
        self.start()

    def start(self, listen="localhost:0"):
        from fintag.v1 import (admin_pb2_grpc, dataset_pb2_grpc, model_pb2_grpc, tagging_pb2_grpc,
                               training_pb2_grpc)
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*self.prefix, BIN / "fintagd", "--data-dir", self.data, "--listen", listen, "--metrics-listen",
                 "localhost:0", *self.options], stderr=log, stdout=log)
        pattern = re.compile(r"listening\W.*?grpc\W+(\d+).*?http\W+(\d+)")
        wait_for(lambda: pattern.search(self.text()) or self.process.poll() is not None, 30, "the server's start")
        found = pattern.search(self.text())
        assert found, self.text()
        self.address = f"localhost:{found[1]}"
        self.http = f"http://localhost:{found[2]}"
        self.channel = self.connect()
        self.datasets = dataset_pb2_grpc.DatasetServiceStub(self.channel)
        self.models = model_pb2_grpc.ModelServiceStub(self.channel)
        self.jobs = training_pb2_grpc.TrainingServiceStub(self.channel)
        self.tagging = tagging_pb2_grpc.TaggingServiceStub(self.channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)

    def connect(self, credentials=None):
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 1 << 20)]
        if credentials is None:
            return grpc.insecure_channel(self.address, options=options)
        return grpc.secure_channel(self.address, credentials, options=options)

    def text(self):
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def stop(self, number=signal.SIGTERM):
        """Ends the server and returns its exit status."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30 * PATIENCE)

    def metrics(self, **headers):
        request = urllib.request.Request(f"{self.http}/metrics", headers=headers)
        return urllib.request.urlopen(request, timeout=10).read().decode()

    def metric(self, name, **headers):
        """Value of one series, named with its labels as in the text format; None where it is not there."""
        for line in self.metrics(**headers).splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def upload(self, name, train, validation=b"", max_errors=0):
        from fintag.v1 import dataset_pb2 as pb

        def messages():
            def describe(data, file_name):
                return pb.FileDescription(file_name=file_name, size_bytes=len(data), sha256=sha256(data))
            yield pb.UploadDatasetRequest(start=pb.UploadDatasetStart(
                dataset_id=name, max_errors=max_errors, train=describe(train, "train.conll"),
                validation=describe(validation, "validation.conll") if validation else None))
            for piece in chunks(train + validation):
                yield pb.UploadDatasetRequest(chunk=pb.FileChunk(data=piece))
        return self.datasets.UploadDataset(messages(), timeout=60)

    def import_model(self, name, folder, request_id=""):
        from fintag.v1 import dataset_pb2, model_pb2 as pb
        names = ["config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                 "fintag.json", "model.safetensors"]
        files = [(n, (folder / n).read_bytes()) for n in names if (folder / n).exists()]

        def messages():
            yield pb.ImportModelRequest(start=pb.ImportModelStart(
                model_id=name, request_id=request_id,
                files=[dataset_pb2.FileDescription(file_name=n, size_bytes=len(d), sha256=sha256(d))
                       for n, d in files]))
            for _, data in files:
                for piece in chunks(data):
                    yield pb.ImportModelRequest(chunk=dataset_pb2.FileChunk(data=piece))
        return self.models.ImportModel(messages(), timeout=120 * PATIENCE)

    def export_model(self, name, folder):
        """Writes a version's files into the new `folder`."""
        from fintag.v1 import model_pb2 as pb
        folder.mkdir()
        stream = self.models.ExportModel(pb.ExportModelRequest(name=name))
        files = next(stream).start.files
        data = b"".join(message.chunk.data for message in stream)
        for file in files:
            (folder / file.file_name).write_bytes(data[:file.size_bytes])
            data = data[file.size_bytes:]
        assert files and not data

    def submit(self, dataset="small", base="base", model="tagger", request_id="", **options):
        from fintag.v1 import training_pb2 as pb
        options.setdefault("learning_rate", 2e-4)
        return self.jobs.CreateJob(pb.CreateJobRequest(request_id=request_id, spec=pb.JobSpec(
            dataset=f"datasets/{dataset}", base=f"models/{base}", model=f"models/{model}",
            options=pb.TrainingOptions(**options))), timeout=10 * PATIENCE)

    def watch(self, name, after=0):
        from fintag.v1 import training_pb2 as pb
        return self.jobs.WatchJob(pb.WatchJobRequest(name=name, after_sequence=after), timeout=300 * PATIENCE)

    def job(self, name):
        from fintag.v1 import training_pb2 as pb
        return self.jobs.GetJob(pb.GetJobRequest(name=name), timeout=10 * PATIENCE)

    def tag(self, texts, model="models/tagger", timeout=60, **options):
        from fintag.v1 import tagging_pb2 as pb
        return self.tagging.Tag(pb.TagRequest(model=model, inputs=[pb.TextInput(text=t) for t in texts],
                                              options=pb.TagOptions(**options)), timeout=timeout * PATIENCE)


def wait_for(condition, seconds=20, what="condition"):
    """Polls until `condition` is true and returns its value."""
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def state_of(event):
    """Name of the state that an event enters, else None."""
    from fintag.v1 import training_pb2 as pb
    if event.WhichOneof("event") != "state_changed":
        return None
    return pb.JobState.Name(event.state_changed.state).removeprefix("JOB_STATE_")


def sentences(path, count):
    """The first `count` sentences of a CoNLL file, as bytes."""
    blocks = [b for b in path.read_text(encoding="utf-8").split("\n\n") if b.strip() and "-DOCSTART-" not in b]
    return ("\n\n".join(b.strip("\n") for b in blocks[:count]) + "\n").encode()


def end_trainers(folder):
    """Ends the trainers of dead servers below `folder`: they outlive their server by design, but not their test. One that
    has only just been started has no pid file yet, so the processes themselves are asked."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(f"{folder}/") in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
        except (OSError, ValueError):
            pass  # it has ended meanwhile


@pytest.fixture
def start_server(tmp_path):
    """Starts servers that end with the test."""
    servers = []

    def start(*options, data="data", prefix=()):
        servers.append(Server(tmp_path / data, *options, prefix=prefix))
        return servers[-1]
    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
    end_trainers(tmp_path)


@pytest.fixture
def server(start_server):
    """A server with the base encoder and a small dataset."""
    running = start_server()
    running.import_model("base", BASE)
    running.upload("small", sentences(CORPUS / "train.conll", 60), sentences(CORPUS / "validation.conll", 20))
    return running


def train_tagger(folder, train_sentences, validation_sentences, epochs):
    """A tagger trained on a part of the corpus, exported as a checkpoint folder below `folder`."""
    running = Server(folder / "data")
    try:
        running.import_model("base", BASE)
        running.upload("part", sentences(CORPUS / "train.conll", train_sentences),
                       sentences(CORPUS / "validation.conll", validation_sentences))
        job = running.submit(dataset="part", epochs=epochs)
        assert [state_of(e) for e in running.watch(job.name)][-1] == "SUCCEEDED"
        running.export_model("models/tagger", folder / "checkpoint")
        return folder / "checkpoint"
    finally:
        running.stop()


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A tagger trained for a few epochs on a good part of the corpus, as a checkpoint folder."""
    return train_tagger(tmp_path_factory.mktemp("trained"), 250, 40, epochs=3)


@pytest.fixture(scope="session")
def quick_tagger(tmp_path_factory):
    """A tagger of hardly any training, as a checkpoint folder: for tests that look at what becomes of it."""
    return train_tagger(tmp_path_factory.mktemp("quick"), 10, 5, epochs=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    from certificates import Authority
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start_tls(tmp_path, authority):
    from tls_server import TlsServer
    servers = []

    def start(*options):
        servers.append(TlsServer(tmp_path, authority, *options))
        return servers[-1]
    yield start
    for server in servers:
        server.stop()
