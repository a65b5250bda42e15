"""The command line program against the real server."""
import json
import os
import re
import signal
import subprocess

from conftest import BASE, BIN, CORPUS, PATIENCE, ROOT, sentences, wait_for

TEXTS = (CORPUS / "three_sentences.txt").read_text(encoding="utf-8").splitlines()


def fintag(server, *arguments, text=None, status=0):
    """Runs fintag and returns what it printed."""
    done = subprocess.run([BIN / "fintag", *map(str, arguments)], capture_output=True, text=True, input=text,
                          env=os.environ | {"FINTAG_SERVER": server.address}, timeout=120 * PATIENCE, check=False)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stdout + done.stderr


def measure(server, protocol, texts):
    """The load generator finds as many answers as the server has given."""
    method = {"fintag": "fintag.v1.TaggingService/Tag", "inference": "inference.GRPCInferenceService/ModelInfer"}[protocol]
    answered = f'fintag_requests_total{{code="OK",method="{method}"}}'
    bench = ["--json", "bench", "--model", "tagger", "--protocol", protocol, "--warm-up", "0", "--requests", "30"]
    before = server.metric(answered) or 0
    closed = json.loads(fintag(server, *bench, "--clients", "4", "--texts", "2", "--file", texts))
    assert (closed["mode"], closed["requests"], closed["texts"], closed["errors"]) == ("closed", 30, 60, {})
    # The first one is not counted, nor are the last ones of the other clients.
    assert 31 <= server.metric(answered) - before <= 34
    times = closed["latency_ms"]
    assert 0 < times["min"] <= times["p50"] <= times["p99"] <= times["max"] <= closed["seconds"] * 1000
    opened = json.loads(fintag(server, *bench, "--rate", "50"))
    assert (opened["mode"], opened["requests"], opened["sent"], opened["not_sent"]) == ("open", 30, 30, 0)
    assert "there is no models/nothing" in fintag(server, "bench", "--model", "nothing", "--protocol", protocol, status=1)


def test_the_loop_by_command_line(start_server, tmp_path):
    server = start_server()
    train, validation = tmp_path / "train.conll", tmp_path / "validation.conll"
    train.write_bytes(sentences(CORPUS / "train.conll", 60))
    validation.write_bytes(sentences(CORPUS / "validation.conll", 20))
    fintag(server, "models", "import", "base", "--from", BASE)
    assert "word lookup" in fintag(server, "datasets", "upload", "small", "--train", train, "--validation", validation)
    watched = fintag(server, "jobs", "submit", "--dataset", "small", "--base", "base", "--model", "tagger", "--epochs",
                     "2", "--learning-rate", "2e-4", "--watch")
    assert "SUCCEEDED  models/tagger/versions/1" in watched and "\x1b" not in watched and "\r" not in watched

    jobs = json.loads(fintag(server, "--json", "jobs", "list"))["jobs"]
    assert [job["state"] for job in jobs] == ["SUCCEEDED"] and len(jobs[0]["epochs"]) == 2
    models = json.loads(fintag(server, "--json", "models", "list"))["models"]
    assert {model["name"] for model in models} == {"models/base", "models/tagger"}

    # A file, the standard input and arguments give the same; offsets are the text's.
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    by_file = json.loads(fintag(server, "tag", "--model", "tagger", "--file", texts, "--format", "json"))
    assert [answer.pop("line") for answer in by_file] == [1, 2, 3]
    by_pipe = json.loads(fintag(server, "--json", "tag", "--model", "tagger", "--file", "-", text=texts.read_text()))
    assert [answer | {"line": None} for answer in by_pipe] == [answer | {"line": None} for answer in by_file]
    assert by_file == json.loads(fintag(server, "--json", "tag", "--model", "tagger", *TEXTS))
    assert all(text[e["start"]:e["end"]] == e["text"] for text, a in zip(TEXTS, by_file) for e in a["entities"])
    conll = fintag(server, "tag", "--model", "tagger", "--file", texts, "--format", "conll")
    assert len(conll.strip().split("\n\n")) == len(TEXTS)

    for protocol in ("fintag", "inference"):
        measure(server, protocol, texts)

    exported = tmp_path / "exported"
    fintag(server, "models", "export", "tagger", exported)
    assert {"config.json", "model.safetensors", "vocab.txt", "fintag.json"} <= {p.name for p in exported.iterdir()}
    fintag(server, "models", "import", "again", "--from", exported)
    again = json.loads(fintag(server, "--json", "tag", "--model", "again", *TEXTS))
    assert [answer["entities"] for answer in again] == [answer["entities"] for answer in by_file]


def tables(text):
    """The cells of each line, by tables; columns stand two spaces apart at least."""
    return [[re.split(r"\s{2,}", line.strip()) for line in block.splitlines()] for block in text.split("\n\n")]


def test_what_is_stored_is_shown_and_taken_away(server):
    job = server.submit(epochs=1000)
    name = job.name.removeprefix("jobs/")
    wait_for(lambda: server.job(job.name).epochs, what="an epoch")
    assert job.name in fintag(server, "datasets", "delete", "small", status=1)
    assert fintag(server, "jobs", "cancel", name) == f"{job.name} is CANCELLING.\n"
    wait_for(lambda: server.job(job.name).state == 7, what="CANCELLED")

    facts, parts, labels = tables(fintag(server, "datasets", "show", "small"))
    assert [["dataset", "datasets/small"], ["labels", "LOC, MISC, ORG, PER"]] == [facts[0], facts[2]]
    assert [row[:4] for row in parts] == [["part", "file", "scheme", "sentences"],
                                          ["train", "train.conll", "IOB2", "60"],
                                          ["validation", "validation.conll", "IOB2", "20"]]
    assert labels == [["label", "train", "validation"], ["LOC", "51", "19"], ["MISC", "21", "11"],
                      ["ORG", "59", "17"], ["PER", "20", "5"]]
    [[title, dataset]] = tables(fintag(server, "datasets", "list"))
    assert title == ["dataset", "sentences", "validation", "labels", "lookup F1", "size", "created"]
    assert dataset[:4] == ["small", "60", "20", "LOC MISC ORG PER"]

    kept = server.job(job.name).epochs
    f1 = f"{max(epoch.scores.micro.f1 for epoch in kept):.4f}"
    [[title, tagger, base]] = tables(fintag(server, "models", "list"))
    assert title == ["model", "kind", "versions", "F1", "parameters", "labels", "size", "created"]
    assert tagger[:4] == ["tagger", "tagger", "1", f1] and tagger[5] == "LOC MISC ORG PER"
    assert base[:4] == ["base", "base", "1", "-"]
    [[title, row]] = tables(fintag(server, "jobs", "list"))
    assert title == ["job", "state", "epoch", "F1", "model", "dataset", "created"]
    assert row[:-1] == [name, "CANCELLED", f"{len(kept)}/1000", f1, "tagger/versions/1", "small"]

    assert fintag(server, "jobs", "delete", name) == f"Deleted job {name}.\n"
    assert fintag(server, "jobs", "list").startswith("No jobs.")
    assert fintag(server, "datasets", "delete", "small") == "Deleted dataset small.\n"
    assert fintag(server, "datasets", "list").startswith("No datasets.")


def test_errors_name_the_line_and_wrong_usage_is_2(start_server, tmp_path):
    server = start_server()
    bad = tmp_path / "bad.conll"
    bad.write_text("Acme\tB-ORG\n\nlonely\n", encoding="utf-8")
    assert f"{bad.name}:3" in fintag(server, "datasets", "upload", "bad", "--train", bad, status=1)
    bad.write_text("lonely\n" * 500, encoding="utf-8")
    many = fintag(server, "datasets", "upload", "bad", "--train", bad, status=1)
    assert [f"{bad.name}:{n}:" in many for n in range(1, 102)] == [True] * 100 + [False] and "There may be more" in many
    both = fintag(server, "datasets", "upload", "bad", "--train", bad, "--validation", bad, status=1)
    assert both.count(f"{bad.name}:") == 100 and "  and 100 more" in both
    assert "models/nothing" in fintag(server, "tag", "--model", "nothing", "text", status=1)
    fintag(server, "jobs", "submit", status=2)
    server.stop()
    assert server.address in fintag(server, "--timeout", "1", "datasets", "list", status=1)


def test_ctrl_c_on_a_watch_leaves_the_job_running(server):
    job = server.submit(epochs=1000)
    with subprocess.Popen([BIN / "fintag", "jobs", "watch", job.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=os.environ | {"FINTAG_SERVER": server.address}) as watch:
        for line in watch.stdout:
            if line.strip().startswith("1 "):
                break
        watch.send_signal(signal.SIGINT)
        rest = watch.stdout.read()
        assert watch.wait(timeout=20 * PATIENCE) == 130
    assert "fintag jobs watch" in rest and "--after" in rest
    assert server.job(job.name).state in (2, 3)  # VALIDATING, RUNNING


def test_the_library_installed_and_found(start_server, tmp_path):
    """By a project that knows nothing of this one but find_package(fintag_client)."""
    def run(*command):
        return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True, timeout=300 * PATIENCE).stdout
    run("cmake", "--install", BIN.parent, "--component", "client", "--prefix", tmp_path / "prefix")
    assert not (tmp_path / "prefix/bin").exists()
    run("cmake", "-G", "Ninja", "-S", ROOT / "tests/client/package", "-B", tmp_path / "build",
        f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}",
        *[f"-DCMAKE_EXE_LINKER_FLAGS=-fsanitize={sanitizers}" for sanitizers in re.findall(  # what the library wants
            r"^FINTAG_SANITIZE:STRING=(.+)$", (BIN.parent / "CMakeCache.txt").read_text(encoding="utf-8"), re.M)])
    run("cmake", "--build", tmp_path / "build")
    server = start_server()
    server.import_model("base", BASE)
    assert run(tmp_path / "build/list_models", server.address) == "models/base\n"
