"""A browser on the status page, for the tests beside this file.

Screenshots land in $FINTAG_E2E_WORK/page (by default beside the programs) for people to look at.

Environment: as tests/e2e/conftest.py says; CHROMIUM is the browser (default /usr/bin/chromium).
"""
import os
import pathlib
import urllib.error
import urllib.request

import pytest
from conftest import BIN, PATIENCE
from playwright.sync_api import expect, sync_playwright

SHOTS = pathlib.Path(os.environ.get("FINTAG_E2E_WORK", BIN.parent / "e2e")) / "page"
MS = 1000 * PATIENCE

expect.set_options(timeout=20 * MS)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # Containers and root have no user namespaces for the sandbox; the only pages here are our own.
        chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                                              args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Watched:
    """A page and whatever it complains of."""

    def __init__(self, browser, server, **context):
        context = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US", "timezone_id": "UTC"} | context
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20 * MS)
        self.complaints = []
        self.expected = None  # part of what the browser may complain of
        self.requests = []
        self.page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.add_init_script("window.violations = [];"
                                  "addEventListener('securitypolicyviolation', e => violations.push(e.blockedURI))")
        self.page.goto(f"{server.http}/")
        expect(self.page.locator("#version")).not_to_be_empty()

    def close(self):
        assert self.page.evaluate("violations") == []
        assert [text for text in self.complaints if not self.expected or self.expected not in text] == []
        origin = self.page.evaluate("location.origin")
        assert [url for url in self.requests if not url.startswith(origin + "/")] == []
        self.context.close()


def shoot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def fits(page):
    """Nothing makes the page scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def ask(server, path, body=None, **headers):
    """Status, headers and body of an answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.http + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
