"""The status page in headless Chromium: through a whole job, by keyboard, from 360 to 2560 px, in dark and light."""
import json
import os
import re
import shutil
import signal

import pytest
from browsing import SHOTS, Watched, ask, browser, fits, shoot  # noqa: F401 (a fixture)
from conftest import BASE, CORPUS, Server, sentences, wait_for
from playwright.sync_api import expect

EVIL = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>"
TEXT = (f"Granite Harbor Bank, N.A. lent 😀 $85 million to Tidewater Orchard Holdings Inc. of Delaware. {EVIL}\n"
        "Ingeborg Falk spoke in Stockholm.")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    shutil.rmtree(SHOTS, ignore_errors=True)
    running = Server(tmp_path_factory.mktemp("page") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture
def look(browser, server):
    """Opens the page; afterwards nothing may have been complained of."""
    opened = []

    def open_page(**context):
        opened.append(Watched(browser, server, **context))
        return opened[-1].page
    yield open_page
    for watched in opened:
        watched.close()


def curve(page, chart, name):
    return int(page.locator(f"#{chart} .chart g.series").nth(name).get_attribute("data-points"))


def test_empty_server(look):
    for scheme, width in (("light", 360), ("dark", 1280)):
        page = look(color_scheme=scheme, viewport={"width": width, "height": 800})
        expect(page.locator("#job-list")).to_contain_text("No jobs yet")
        expect(page.locator("#model-list")).to_contain_text("No models yet")
        expect(page.locator("#tag-button")).to_be_disabled()
        assert fits(page)
        shoot(page, f"empty-{scheme}-{width}")


def test_curves_grow_while_a_job_runs(server, look):
    server.import_model("base", BASE)
    server.upload("part", sentences(CORPUS / "train.conll", 400), sentences(CORPUS / "validation.conll", 40))
    page = look()
    narrow = look(color_scheme="dark", viewport={"width": 360, "height": 800})
    name = server.submit(dataset="part", epochs=4).name
    row = page.locator(f"#row-{name.removeprefix('jobs/')}")
    expect(row).to_contain_text("running")
    seen = set()  # (points of the loss curve, of the F1 curve) while it ran
    shot = False
    while "running" in row.inner_text():
        if page.locator("#score-chart .chart g.series").count() == 3:
            seen.add((curve(page, "loss-chart", 0), curve(page, "score-chart", 0)))
        if not shot and max(seen, default=(0, 0))[1] >= 2:
            shot = True
            expect(page.locator("#job progress")).to_be_visible()
            assert fits(page) and fits(narrow)
            shoot(page, "running-light-1280")
            shoot(narrow, "running-dark-360")
        page.wait_for_timeout(100)
    assert len({loss for loss, _ in seen}) >= 4, seen
    assert len({f1 for _, f1 in seen}) >= 3, seen
    expect(row).to_contain_text("succeeded")
    # At the same moment, so no waiting here: list and curves are drawn together.
    assert curve(page, "score-chart", 0) == 4 and curve(page, "loss-chart", 1) == 4

    job = server.job(name)
    best = max(job.epochs, key=lambda e: e.scores.micro.f1)
    expect(row).to_contain_text(f"{best.scores.micro.f1:.4f}")
    expect(page.locator("#score-chart .chart")).to_have_attribute(
        "aria-label", f"Scores by epoch: F1 {job.epochs[-1].scores.micro.f1:.4f}, precision "
        f"{job.epochs[-1].scores.micro.precision:.4f}, recall {job.epochs[-1].scores.micro.recall:.4f} after epoch 4 of 4")
    # The same as a table, for who cannot see the curves.
    page.locator("#score-chart summary").click()
    expect(page.locator("#score-chart-rows tbody tr")).to_have_count(4)
    expect(page.locator("#score-chart-rows tbody tr").nth(3)).to_contain_text(f"{job.epochs[3].scores.micro.recall:.4f}")
    shoot(page, "finished-light-1280")


def test_model_has_scores_and_confusion(server, look):
    from fintag.v1 import model_pb2
    version = server.models.GetModel(model_pb2.GetModelRequest(name="models/tagger")).versions[0]
    page = look()
    page.locator("#model-list a", has_text="tagger/1").click()
    expect(page.locator("#model-title")).to_be_focused()
    expect(page.locator("#model .scores .sum")).to_contain_text(f"{version.scores.micro.f1:.4f}")
    rows = {row.label: row.predicted for row in version.scores.confusion}
    assert sum(sum(row.values()) for row in rows.values()) == version.scores.words
    labels = sorted({*rows, *(label for row in rows.values() for label in row)}, key=lambda x: (x == "O", x))
    cells = page.locator("#model .heat tbody tr")
    expect(cells).to_have_count(len(labels))
    for i, gold in enumerate(labels):
        # Of "12" and "34 %" in a cell, the words.
        shown = cells.nth(i).locator("td").evaluate_all("cells => cells.map(c => c.firstChild.textContent)")
        assert [int(words.replace(",", "")) for words in shown] == [rows.get(gold, {}).get(other, 0) for other in labels]
    page.locator("#model-job").click()
    expect(page.locator("#job-title")).to_be_focused()


def test_tags_a_text_by_keyboard_alone(server, look):
    page = look()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#tag-model")).to_be_enabled()
    page.keyboard.press("Tab")
    expect(page.locator("#tag-model")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#tag-text")).to_be_focused()
    page.keyboard.insert_text(TEXT)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#tag-status")).to_contain_text("by tagger/1 in")
    entities = server.tag([TEXT]).results[0].entities
    marks = page.locator(".tagged mark")
    expect(marks).to_have_count(len(entities))
    assert len(entities) >= 2
    # Each mark is the entity, its label and its score; all of the text is there, as text.
    shown = marks.evaluate_all("marks => marks.map(m => [m.firstChild.textContent, m.lastChild.textContent, m.title])")
    assert shown == [[e.text, f"{e.label} {e.score:.2f}", f"{e.label} {e.score:.3f}, {e.start}-{e.end}"] for e in entities]
    without = page.locator(".tagged").evaluate(
        "p => [...p.childNodes].map(n => (n.nodeName === 'MARK' ? n.firstChild : n).textContent).join('')")
    assert without == TEXT
    assert page.locator("#tag-result img, #tag-result script").count() == 0
    assert page.evaluate("window.hacked") is None
    shoot(page, "tagged-light-1280")
    # And the list of jobs: a link takes the keyboard to the job.
    page.locator("#job-list a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#job-title")).to_be_focused()


def test_focus_survives_new_data(server, look):
    page = look()
    link = page.locator("#job-list a").first
    link.focus()
    second = server.submit(dataset="part", epochs=1)
    expect(page.locator("#job-list tbody tr")).to_have_count(2)
    expect(page.locator("#job-list a").nth(1)).to_be_focused()
    assert [e for e in server.watch(second.name)]


def test_the_button_keeps_the_focus_while_it_waits(look):
    page = look()
    button, status, held = page.locator("#tag-button"), page.locator("#tag-status"), []
    expect(button).to_be_enabled()
    page.route("**/api/tag", lambda route: held.append(route))
    page.locator("#tag-text").fill("Ingeborg Falk spoke in Stockholm.")
    button.focus()
    page.keyboard.press("Enter")
    expect(status).to_have_text("Tagging…")
    page.keyboard.press("Enter")  # asks nothing further
    page.wait_for_timeout(100)
    assert len(held) == 1
    held[0].continue_()
    expect(status).to_contain_text("by tagger/")
    expect(button).to_be_focused()
    page.unroute("**/api/tag")
    status.evaluate("status => { status.textContent = ''; }")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("by tagger/")


def test_the_same_complaint_is_not_said_again(browser, server):
    watched = Watched(browser, server)
    watched.expected = "net::ERR_FAILED"
    page = watched.page
    page.route("**/api/jobs", lambda route: route.abort())

    def ask_again(job):
        with page.expect_event("requestfailed"):
            page.evaluate("job => { location.hash = `#job=${job}`; }", job)
    ask_again("any")
    expect(page.locator("#connection")).to_contain_text("cannot be reached")
    page.evaluate("""() => {
        window.said = 0;
        new MutationObserver(() => { said += 1; }).observe(document.getElementById('connection'),
                                                          { childList: true, characterData: true, subtree: true });
    }""")
    ask_again("other")
    page.wait_for_timeout(200)
    assert page.evaluate("said") == 0
    watched.close()


@pytest.mark.parametrize("width", [360, 768, 1280, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_every_width(look, scheme, width):
    page = look(color_scheme=scheme, viewport={"width": width, "height": 1440 if width == 2560 else 800})
    expect(page.locator("#tag-button")).to_be_enabled()
    page.locator("#tag-text").fill(TEXT)
    page.locator("#tag-button").click()
    expect(page.locator("#tag-status")).to_contain_text("by tagger/")
    expect(page.locator("#model .heat")).to_be_visible()
    expect(page.locator("#score-chart .chart")).to_be_visible()
    assert fits(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(n) for n in background.removeprefix("rgb(").removesuffix(")").split(", ")) / 3
    assert brightness < 60 if scheme == "dark" else brightness > 200
    shoot(page, f"all-{scheme}-{width}")


def test_errors_are_shown(server, browser):
    watched = Watched(browser, server)
    page = watched.page
    page.locator("#tag-button").click()
    expect(page.locator("#tag-status")).to_contain_text("Type a text first")
    page.goto(f"{server.http}/#job=no-such-job")
    expect(page.locator("#job-title")).to_contain_text("succeeded")
    # The browser itself notes, as often as it asks, that this job is not there; nothing else is amiss.
    watched.expected = "404 (Not Found)"
    watched.close()
    # What the server says of a wrong request, as it says it to every client.
    body = json.dumps({"model": "models/none", "inputs": [{"text": "x"}]}).encode()
    status, headers, answer = ask(server, "/api/tag", body, Content_Type="application/json")
    assert status == 404 and json.loads(answer)["error"]["code"] == "NOT_FOUND"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


def test_a_malformed_address_is_no_place(server, look):
    page = look()
    page.goto(f"{server.http}/#%")
    page.reload()
    expect(page.locator("#job-list tbody tr")).not_to_have_count(0)
    expect(page.locator("#job-title")).to_contain_text("succeeded")
    page.evaluate("location.hash = '#job=%E0'")
    page.locator("#model-list a").first.click()
    expect(page.locator("#model-title")).to_be_focused()


def test_a_failed_job_says_why_and_a_cancelled_one_that_it_was(server, look):
    from fintag.v1 import training_pb2 as pb
    page = look()

    def run(name):
        # Its trainer has written its number once a step is reported.
        expect(page.locator(f"#row-{name.removeprefix('jobs/')}")).to_contain_text("running")
        wait_for(lambda: server.job(name).HasField("progress"), 60, "a step")

    def shown(name, state):
        page.locator(f"#link-{name.removeprefix('jobs/')}").click()
        expect(page.locator("#job-title")).to_contain_text(state)
        return page.locator("#job .reason")
    failed = server.submit(dataset="part", epochs=1000).name
    run(failed)
    os.killpg(int((server.data / failed / "trainer.pid").read_text()), signal.SIGKILL)
    expect(shown(failed, "failed")).to_contain_text("signal 9")
    assert server.job(failed).failure_reason == page.locator("#job .reason").inner_text()
    shoot(page, "failed-light-1280")
    cancelled = server.submit(dataset="part", epochs=1000).name
    run(cancelled)
    server.jobs.CancelJob(pb.CancelJobRequest(name=cancelled))
    expect(shown(cancelled, "cancelled")).to_have_count(0)
    expect(page.locator(f"#row-{cancelled.removeprefix('jobs/')}")).to_contain_text("cancelled")


def test_new_numbers_disturb_nothing_else(server, look):
    from fintag.v1 import training_pb2 as pb
    page = look()
    running = server.submit(dataset="part", epochs=1000).name
    page.locator(f"#link-{running.removeprefix('jobs/')}").click()
    expect(page.locator("#job-title")).to_contain_text("running")
    chart, steps = page.locator("#loss-chart .chart"), []
    page.locator("#loss-chart summary").click()
    page.locator("#job-title").focus()
    page.evaluate("""() => {
        const fact = [...document.querySelectorAll('#job dt')].find(dt => dt.textContent === 'Dataset');
        getSelection().selectAllChildren(fact.nextSibling);
        window.focused = document.activeElement;
        window.focusings = 0;
        addEventListener('focus', () => { focusings += 1; }, true);
    }""")

    def step_shown():
        found = re.search(r"in ([\d,]+) of", chart.get_attribute("aria-label"))
        return int(found[1].replace(",", "")) if found else 0

    def three_more():
        if step_shown() not in steps:
            steps.append(step_shown())
        return len(steps) == 4
    wait_for(three_more, 60, "three changes of the curve")
    assert page.evaluate("[focused.id, focused === document.activeElement, focusings]") == ["job-title", True, 0]
    assert page.evaluate("getSelection().toString()") == "part"
    expect(page.locator("#loss-chart-rows")).to_be_visible()
    # The pointer's readout is of the points as they are now; the last of them is the nearest to the right edge.
    chart.hover(position={"x": chart.bounding_box()["width"] - 5, "y": 100})

    def step_read():
        return int(re.match(r"step ([\d,]+): training", page.locator("#loss-chart .readout").inner_text())[1].replace(",", ""))
    before = step_read()
    assert before >= steps[-1]
    # It stays while the pointer rests, and follows the curve, in each of whose pictures it is.
    wait_for(lambda: step_read() > before, 60, "a later step under the pointer")
    assert chart.locator(".cursor").get_attribute("d")
    server.jobs.CancelJob(pb.CancelJobRequest(name=running))
    expect(page.locator("#job-title")).to_contain_text("cancelled")


def test_tagging_keeps_to_the_limits_of_the_api(server):
    before = server.metric('fintag_requests_total{code="OK",method="fintag.v1.TaggingService/Tag"}') or 0

    def tag(text, **headers):
        body = json.dumps({"model": "models/tagger", "inputs": [{"text": text}]}).encode()
        status, _, answer = ask(server, "/api/tag", body, **({"Content_Type": "application/json"} | headers))
        return status, json.loads(answer) if answer else None
    assert tag("Acme")[0] == 200
    assert server.metric('fintag_requests_total{code="OK",method="fintag.v1.TaggingService/Tag"}') == before + 1
    status, answer = tag("x" * (1 << 20) + "x")
    assert status == 400 and answer["error"]["code"] == "INVALID_ARGUMENT" and "1048576" in answer["error"]["message"]
    assert tag("x" * (3 << 20))[0] == 413
    assert tag("Acme", Content_Type="text/plain")[0] == 403
    assert tag("Acme", Host="evil.example")[0] == 403
    assert ask(server, "/api/jobs", Host="evil.example")[0] == 403
