"""A real Prometheus scrapes a real server under load and during jobs: every query of every panel and rule has data, and
the values are what the clients saw."""
import math
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import preview
import pytest
from drawing import CURVES, NAMED, TEXT
from e2e import BASE, CORPUS, Server, end_trainers, sentences, state_of, wait_for
from PIL import Image, ImageColor
from queries import Prometheus, read_dashboard
from stage import INTERVAL, Callers, PrometheusProcess
from test_dashboards import FILES, RULES

TAG = 'method=~"fintag.v1.TaggingService/Tag(Stream)?"'
COMPARISONS = {"FintagJobFailed": 3, "FintagDataDamaged": 2}  # of alerts that make more than one
# Their series are those of a server with TLS, of one whose data is damaged, and of replicas that are alone: promtool's
# unit tests have them.
WITHOUT_SERIES = {"FintagCertificateExpires", "FintagDataDamaged", "FintagNoPrimary"}


def final_epoch(events):
    """The scores of a job's last epoch and its best F1, from what a watcher is told; and how the job ended."""
    epochs = [e.epoch_finished for e in events if e.WhichOneof("event") == "epoch_finished"]
    return SimpleNamespace(last=epochs[-1].scores if epochs else None,
                           best=max((e.scores.micro.f1 for e in epochs), default=None),
                           state=[state_of(e) for e in events][-1])


def run_job(server, **options):
    job = server.submit(**options)
    return SimpleNamespace(id=job.name.removeprefix("jobs/"), **vars(final_epoch(list(server.watch(job.name)))))


def start_long_job(server):
    job = server.submit(epochs=1000)
    wait_for(lambda: server.metric(f'fintag_training_epoch{{job="{job.name.removeprefix("jobs/")}"}}'), 60, "an epoch")
    return job


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Two jobs that succeed, the second under load; one whose model tags nothing, one that is killed, one that is
    cancelled; then all is scraped."""
    from fintag.v1 import training_pb2 as pb
    folder = tmp_path_factory.mktemp("observability")
    server = Server(folder / "data")
    prometheus = PrometheusProcess(folder / "prometheus", server.http.removeprefix("http://"))
    try:
        server.import_model("base", BASE)
        server.upload("small", sentences(CORPUS / "train.conll", 60), sentences(CORPUS / "validation.conll", 20))
        jobs = [run_job(server, epochs=3)]
        callers = Callers(server)
        with callers:
            jobs.append(run_job(server, epochs=2, seed=7))
            for _ in range(3):
                callers.ask(["Nobody's model."], model="models/none")
            callers.ask([])
            killed = start_long_job(server)
            pid = int((server.data / "jobs" / killed.name.removeprefix("jobs/") / "trainer.pid").read_text())
            trainer = server.metric(f'fintag_trainer_resident_memory_bytes{{job="{killed.name.removeprefix("jobs/")}"}}')
            os.killpg(pid, signal.SIGKILL)
            assert final_epoch(list(server.watch(killed.name))).state == "FAILED"
            busy = time.time()
        assert run_job(server, model="silent", epochs=1).state == "SUCCEEDED"
        cancelled = start_long_job(server)
        server.jobs.CancelJob(pb.CancelJobRequest(name=cancelled.name))
        assert final_epoch(list(server.watch(cancelled.name))).state == "CANCELLED"
        time.sleep(3 * INTERVAL)
        asked = Prometheus(prometheus.address, prometheus.start, time.time(), rate_seconds=5 * INTERVAL)
        yield SimpleNamespace(server=server, jobs=jobs, callers=callers, prometheus=prometheus, asked=asked, busy=busy,
                              trainer_bytes=trainer)
    finally:
        server.stop()
        prometheus.stop()
        end_trainers(folder / "data")


def has_data(result):
    return any(math.isfinite(value) for _, points in result for _, value in points)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_query_of_every_panel_has_data(played, file):
    dashboard = read_dashboard(file)
    variables = played.asked.variables(dashboard)
    assert all(value != "()" for value in variables.values()), variables
    for panel in dashboard.panels:
        for query in panel.queries:
            assert has_data(played.asked.range(query.expression, variables)), f"{panel.title}: {query.expression}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_model_that_has_tagged_nothing_can_be_chosen(played, file):
    variables = played.asked.variables(read_dashboard(file))
    assert variables.get("model", "(silent|tagger)") == "(silent|tagger)"


def pixels_near(picture, colours):
    """How many pixels have one of the colours, or one that the edges of letters and lines make of it."""
    return sum(count for count, pixel in picture.getcolors()
               if any(max(abs(a - b) for a, b in zip(pixel, ImageColor.getrgb(colour))) < 40 for colour in colours))


def test_every_panel_is_drawn(played, tmp_path):
    asked, minutes = played.asked, (played.busy - played.asked.start) / 60
    subprocess.run([sys.executable, preview.__file__, "--prometheus", asked.address, "--minutes", str(minutes), "--end",
                    str(played.busy), "--rate-seconds", str(asked.rate_seconds), "--output", tmp_path], check=True)
    for file in FILES:
        picture = Image.open(tmp_path / f"{file.stem}.png").convert("RGB")
        dashboard = read_dashboard(file)
        assert picture.size == preview.size_of(dashboard)
        for panel in dashboard.panels:
            x, y, width, height = preview.place_of(panel)
            title = picture.crop((x, y, x + width, y + min(height, 30)))
            assert pixels_near(title, [TEXT]) > 20, f"{panel.title} has no title"
            if panel.kind != "row":
                content = picture.crop((x, y + 30, x + width, y + height))
                assert pixels_near(content, [*CURVES, *NAMED.values()]) > 20, f"{panel.title} is empty"


@pytest.mark.parametrize("rule", [r for g in RULES["groups"] for r in g["rules"]],
                         ids=lambda r: r.get("record") or r["alert"])
def test_every_rule_has_data(played, rule):
    if "record" in rule:
        assert has_data(played.asked.range(rule["record"], {}))
    # An alert that rests has no result; as a question of true or false it has one for every series it compares.
    expression, compared = re.subn(r"(?<=\s)(==|<|>)\s", r"\1 bool ", rule["expr"])
    assert compared == COMPARISONS.get(rule.get("alert"), 1 if "alert" in rule else 0)
    assert has_data(played.asked.range(expression, {})) == (rule.get("alert") not in WITHOUT_SERIES)


def by(played, label, expression):
    return {labels.get(label, ""): value for labels, value in played.asked.instant(expression, {})}


def test_requests_texts_tokens_and_entities_are_what_the_callers_counted(played):
    callers = played.callers
    assert callers.codes["OK"] > 20 and callers.codes["NOT_FOUND"] == 3 and callers.codes["INVALID_ARGUMENT"] == 1
    assert by(played, "code", f"sum by (code) (fintag_requests_total{{{TAG}}})") == dict(callers.codes)
    assert by(played, "", "sum(fintag_sentences_total)") == {"": callers.texts}
    assert by(played, "", "sum(fintag_tokens_total)") == {"": callers.tokens}
    assert by(played, "", "sum(fintag_unknown_tokens_total)") == {"": callers.unknown}
    assert by(played, "", "sum(fintag_batch_tokens_sum)") == {"": callers.tokens}
    assert sum(callers.entities.values()) > 20
    assert by(played, "label", "sum by (label) (fintag_entities_total)") == dict(callers.entities)
    assert by(played, "", "sum(fintag_entity_confidence_count)") == {"": sum(callers.entities.values())}


def test_the_servers_durations_are_within_what_the_callers_waited(played):
    spent = by(played, "", f"sum(fintag_request_duration_seconds_sum{{{TAG}}})")[""]
    assert 0.2 * played.callers.seconds < spent <= played.callers.seconds


def query_of(title, legend):
    for file in FILES:
        for panel in read_dashboard(file).panels:
            for query in panel.queries:
                if panel.title == title and query.legend.startswith(legend):
                    return query.expression
    raise AssertionError(f"no panel {title} with {legend}")


def test_scores_are_what_watchers_were_told_to_four_digits(played):
    variables = played.asked.variables(read_dashboard(next(f for f in FILES if "training" in f.stem)))
    for score in ("F1", "precision", "recall", "accuracy"):
        shown = {labels["job"]: points[-1][1] for labels, points in
                 played.asked.range(query_of("F1, precision, recall, accuracy", score), variables)}
        for job in played.jobs:
            told = job.last.accuracy if score == "accuracy" else getattr(job.last.micro, score.lower())
            assert f"{shown[job.id]:.4f}" == f"{told:.4f}", (score, job.id)
    by_label = {(labels["job"], labels["type"]): points[-1][1] for labels, points in
                played.asked.range(query_of("F1 by label", "{{type}}"), variables)}
    for job in played.jobs:
        for label in job.last.labels:
            assert f"{by_label[job.id, label.label]:.4f}" == f"{label.f1:.4f}"


def test_versions_have_the_f1_of_their_jobs_and_the_newest_is_told_from_the_one_before(played):
    first, second = (f"{job.best:.4f}" for job in played.jobs)
    versions = by(played, "version", 'fintag_model_f1{model="tagger"}')
    assert {v: f"{f1:.4f}" for v, f1 in versions.items() if v in ("1", "2")} == {"1": first, "2": second}
    newest = by(played, "version", 'instance_model_version:fintag_model_f1:newest{model="tagger"}')
    replaced = by(played, "version", 'instance_model_version:fintag_model_f1:replaced{model="tagger"}')
    assert max(versions) == next(iter(newest)) and len(newest) == len(replaced) == 1
    assert int(next(iter(replaced))) == int(next(iter(newest))) - 1


def test_job_outcomes_are_counted(played):
    assert by(played, "state", "fintag_jobs_ended_total") == {"SUCCEEDED": 3, "FAILED": 1, "CANCELLED": 1}
    shown = by(played, "state", played.asked.fill(query_of("Jobs that ended", "{{state}}"), {"instance": ".*"}))
    assert {state: round(value) for state, value in shown.items()} == {"SUCCEEDED": 3, "FAILED": 1, "CANCELLED": 1}


def test_processes_disk_and_limits_are_as_the_system_says(played):
    pid = played.server.process.pid
    pages = int(open(f"/proc/{pid}/statm", encoding="ascii").read().split()[1])
    me = '{job="fintagd"}'
    assert by(played, "", f"process_resident_memory_bytes{me}")[""] == pytest.approx(pages * 4096, rel=0.2)
    assert by(played, "", f"process_open_fds{me}")[""] == pytest.approx(len(os.listdir(f"/proc/{pid}/fd")), abs=8)
    assert by(played, "", f"process_start_time_seconds{me}")[""] == pytest.approx(played.prometheus.start, abs=30)
    ticks = os.sysconf("SC_CLK_TCK")
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    now = (int(fields[11]) + int(fields[12])) / ticks
    assert now - 3 < by(played, "", f"process_cpu_seconds_total{me}")[""] <= now
    disk = os.statvfs(played.server.data)
    assert by(played, "", "fintag_data_filesystem_size_bytes")[""] == disk.f_blocks * disk.f_frsize
    assert by(played, "", "fintag_data_filesystem_avail_bytes")[""] == pytest.approx(disk.f_bavail * disk.f_frsize,
                                                                                     rel=0.05)
    assert played.trainer_bytes > 50e6
    assert by(played, "", "fintag_max_queue_tokens") == {"": 262144}
    assert by(played, "", "fintag_max_batch_tokens") == {"": 2048}


def alerts(played, state):
    return set(by(played, "alertname", f'ALERTS{{alertstate="{state}"}}'))


def test_the_killed_job_and_then_the_stopped_server_raise_their_alerts_and_no_other(played):
    newest, before = (by(played, "", f'instance_model_version:fintag_model_f1:{which}{{model="tagger"}}')[""]
                      for which in ("newest", "replaced"))
    worse = {"FintagNewVersionWorse"} if newest < before else set()
    assert worse == (alerts(played, "pending") | alerts(played, "firing")) & {"FintagNewVersionWorse"}
    assert alerts(played, "firing") - worse == {"FintagJobFailed"}
    played.server.stop()

    def pending():
        played.asked.end = time.time()
        return "FintagDown" in alerts(played, "pending")
    wait_for(pending, 10 * INTERVAL, "the alert FintagDown")
    assert by(played, "", 'up{job="fintagd"}') == {"": 0}
