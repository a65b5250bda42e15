"""A store whose bytes are wrong, and one of another program's time."""
import contextlib
import json
import sqlite3
import subprocess

import grpc
from conftest import BASE, BIN, CORPUS, sentences
from fintag.v1 import dataset_pb2, model_pb2, training_pb2
from test_disk import refused

ROWS = 6000


@contextlib.contextmanager
def edited(folder):
    """The store of a server that does not run."""
    with contextlib.closing(sqlite3.connect(folder / "fintag.db")) as store, store:
        yield store


def fintagd(*words):
    return subprocess.run([BIN / "fintagd", *words], capture_output=True, text=True, timeout=60, check=False)


def serve(folder):
    return fintagd("--data-dir", folder, "--listen", "localhost:0", "--metrics-listen", "localhost:0")


def all_datasets(server):
    request, found = dataset_pb2.ListDatasetsRequest(page_size=1000), []
    while True:
        page = server.datasets.ListDatasets(request, timeout=30)
        found += page.datasets
        request.page_token = page.next_page_token
        if not request.page_token:
            return len(found)


def test_a_damaged_store_is_refused_at_the_start_and_a_backup_is_the_way_back(start_server, tmp_path):
    server = start_server()
    server.import_model("base", BASE)
    done = subprocess.run([BIN / "fintag", "--server", server.address, "admin", "backup", tmp_path / "fintag.tar"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    server.stop()
    with open(server.data / "fintag.db", "r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 8192)
    refused_start = serve(server.data)
    assert refused_start.returncode == 1 and "from a backup" in refused_start.stderr
    assert str(server.data / "fintag.db") in refused_start.stderr
    server.data.rename(tmp_path / "damaged")
    assert fintagd("--restore", tmp_path / "fintag.tar", "--data-dir", server.data).returncode == 0
    server.start()
    assert server.models.GetModel(model_pb2.GetModelRequest(name="models/base")).versions


def test_a_store_damaged_under_a_server_is_told_and_read_again_once_it_is_mended(start_server, tmp_path):
    server = start_server()
    server.upload("first", sentences(CORPUS / "train.conll", 10))
    server.stop()
    with edited(server.data) as store:  # more rows than are kept in memory
        description, = store.execute("SELECT description FROM datasets").fetchone()
        longer = json.loads(description)
        longer["train"]["file_name"] = "x" * 1500
        store.executemany("INSERT INTO datasets (id, create_time_ms, description) VALUES (?, 1, ?)",
                          ((f"d{number}", json.dumps(longer)) for number in range(ROWS)))
    for number in range(ROWS):  # as a row has its folder
        (server.data / f"datasets/d{number}").mkdir()
    server.start()
    assert all_datasets(server) == ROWS + 1
    store = server.data / "fintag.db"
    whole = store.read_bytes()
    assert len(whole) > 8 << 20
    start = len(whole) // 4
    with open(store, "r+b") as file:
        file.seek(start)
        file.write(b"\x5a" * (1 << 20))
    error = refused(lambda: all_datasets(server), grpc.StatusCode.DATA_LOSS, "from a backup")
    assert "fintag.db" in error.details()
    assert "stored data is damaged" in server.text()
    assert server.metric('fintag_requests_total{code="DATA_LOSS",method="fintag.v1.DatasetService/ListDatasets"}') == 1
    backup = subprocess.run([BIN / "fintag", "--server", server.address, "admin", "backup", tmp_path / "bad.tar"],
                            capture_output=True, text=True, check=False)
    assert backup.returncode == 1 and "from a backup" in backup.stderr and not (tmp_path / "bad.tar").exists()
    # Nor is it the caller's mistake where a job needs it.
    lost = (name for name in (f"datasets/d{number}" for number in range(ROWS)) if is_lost(server, name))
    spec = training_pb2.JobSpec(dataset=next(lost), base="models/none", model="models/new")
    refused(lambda: server.jobs.CreateJob(training_pb2.CreateJobRequest(spec=spec)), grpc.StatusCode.DATA_LOSS)
    # What is stored elsewhere is served on.
    server.models.ListModels(model_pb2.ListModelsRequest())
    with open(store, "r+b") as file:
        file.seek(start)
        file.write(whole[start:start + (1 << 20)])
    assert all_datasets(server) == ROWS + 1


def is_lost(server, name):
    try:
        server.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=name))
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.DATA_LOSS
    return False


def test_a_store_of_a_newer_program_is_refused(start_server, tmp_path):
    server = start_server()
    server.stop()
    with edited(server.data) as store:
        known, = store.execute("PRAGMA user_version").fetchone()
        store.execute(f"PRAGMA user_version = {known + 1}")
    newer = serve(server.data)
    assert newer.returncode == 1 and len(newer.stderr.strip().splitlines()) == 1
    assert f"schema version {known + 1}, this program knows {known}" in newer.stderr
    assert "start the newer program" in newer.stderr


def test_a_store_of_the_first_schema_is_brought_up_to_date(start_server):
    """The first schema as it was released, written by hand: it is never edited again."""
    server = start_server()
    server.stop()
    with edited(server.data) as store:
        newest, = store.execute("PRAGMA user_version").fetchone()
    for file in server.data.glob("fintag.db*"):
        file.unlink()
    with edited(server.data) as store:
        store.executescript(FIRST_SCHEMA)
        store.execute("INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, "
                      "start_time_ms, end_time_ms, failure_reason, model_version, log_closed) VALUES ('old', 'FAILED', "
                      "'datasets/a', 'models/b/versions/1', 'models/c', '{}', '', 5, 6, 7, 'of old', '', 1)")
        store.execute("PRAGMA user_version = 1")
    (server.data / "jobs/old").mkdir(parents=True)
    server.start()
    assert server.job("jobs/old").failure_reason == "of old"
    server.stop()
    with edited(server.data) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (newest,)


FIRST_SCHEMA = """
CREATE TABLE datasets (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  create_time_ms INTEGER NOT NULL, description TEXT NOT NULL) STRICT;
CREATE TABLE models (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  create_time_ms INTEGER NOT NULL, next_version INTEGER NOT NULL) STRICT;
CREATE TABLE model_versions (model TEXT NOT NULL REFERENCES models(id), version INTEGER NOT NULL,
  create_time_ms INTEGER NOT NULL, request_id TEXT NOT NULL, job TEXT NOT NULL, description TEXT NOT NULL,
  PRIMARY KEY (model, version)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX model_versions_by_request ON model_versions (model, request_id) WHERE request_id <> '';
CREATE UNIQUE INDEX model_versions_by_job ON model_versions (job) WHERE job <> '';
CREATE TABLE jobs (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  dataset TEXT NOT NULL, base TEXT NOT NULL, model TEXT NOT NULL, options TEXT NOT NULL, request_id TEXT NOT NULL,
  create_time_ms INTEGER NOT NULL, start_time_ms INTEGER NOT NULL, end_time_ms INTEGER NOT NULL,
  failure_reason TEXT NOT NULL, model_version TEXT NOT NULL, log_closed INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id <> '';
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_not_closed ON jobs (position) WHERE log_closed = 0;
"""
