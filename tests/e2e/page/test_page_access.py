"""Who reaches the status page, under which names and with which tokens; the page without its server."""
import hashlib
import signal

from browsing import Watched, ask, browser, fits, shoot  # noqa: F401 (a fixture)
from conftest import Server
from playwright.sync_api import expect


def test_says_that_the_server_is_gone(browser, tmp_path):
    other = Server(tmp_path / "other")
    watched = Watched(browser, other)
    expect(watched.page.locator("#job-list")).to_contain_text("No jobs yet")
    other.stop(signal.SIGKILL)
    expect(watched.page.locator("#connection")).to_contain_text("Trying again")
    watched.context.close()


def test_answers_to_the_names_that_it_is_told(start_server, tmp_path):
    config = tmp_path / "fintagd.toml"
    config.write_text('page-hosts = ["other.example", "fintag.example"]\n', encoding="utf-8")
    for options, answers in (([], (200, 403)), (["--config", config], (403, 200)), (["--page-hosts", "*"], (200, 200)),
                             (["--config", config, "--page-hosts", "localhost,other.example"], (200, 403))):
        named = start_server(*options, data=f"named-{len(options)}")
        for path in ("/", "/api/jobs"):
            assert tuple(ask(named, path, Host=host)[0] for host in ("localhost", "fintag.example")) == answers, options
        assert ask(named, "/metrics", Host="fintag.example")[0] == 200
        named.stop()


def test_asks_for_a_token(browser, start_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann viewer sha256:{hashlib.sha256(b'anns-token').hexdigest()}\n", encoding="utf-8")
    watched = Watched(browser, start_server("--tokens", tokens), viewport={"width": 360, "height": 800})
    watched.expected = "401 (Unauthorized)"
    page = watched.page
    expect(page.locator("#token")).to_be_focused()
    expect(page.locator("#forget-token")).to_be_hidden()
    assert fits(page)
    shoot(page, "token")
    page.keyboard.type("a guess")
    page.keyboard.press("Enter")
    expect(page.locator("#token-status")).to_contain_text("without spaces")
    for token, said in (("guess", "does not take this token"), ("anns-token", "")):
        page.locator("#token").fill(token)
        page.locator("#token-button").click()
        expect(page.locator("#token-status")).to_have_text(said) if not said else \
            expect(page.locator("#token-status")).to_contain_text(said)
    expect(page.locator("#job-list")).to_contain_text("No jobs yet")
    expect(page.locator("#sign-in")).to_be_hidden()
    assert fits(page)
    page.reload()
    expect(page.locator("#job-list")).to_contain_text("No jobs yet")
    page.locator("#forget-token").click()
    expect(page.locator("#sign-in")).to_be_visible()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    watched.close()


def test_no_page(start_server):
    plain = start_server("--no-page", data="plain")
    for path in ("/", "/index.html", "/app.js", "/api/jobs", "/api/models"):
        assert ask(plain, path)[0] == 404, path
    assert ask(plain, "/api/tag", b"{}", Content_Type="application/json")[0] == 404
    assert ask(plain, "/healthz")[0] == 200 and b"fintag_jobs" in ask(plain, "/metrics")[2]
