"""The page of docs/ that opens a WebSocket, in a real browser and from another origin."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS
from tests.support.databases import Sqlite
from tests.support.live import Servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.full


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    """Serve the pages at an origin of their own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(DOCS))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_page_listens_speaks_and_ends_with_its_session(
    servers: Servers, origin: str, browser: "Browser"
) -> None:
    with ExitStack() as stack:
        live = servers.start(Sqlite.name, stack, CORS_ORIGINS=origin)
        admin = live.admin()
        page = browser.new_page()
        stack.callback(page.close)
        page.set_default_timeout(20_000)
        page.goto(f"{origin}/live-notices.html")
        entry, words = page.locator("#entry"), page.locator("#words")
        assert (entry.is_visible(), words.is_visible()) == (True, False)
        page.fill("[name=service]", live.url)
        page.fill("[name=username]", admin.email)
        page.fill("[name=password]", "a wrong password")
        page.click("text=Log in and listen")
        page.wait_for_function("document.querySelector('#state').textContent != 'Not connected.'")
        page.fill("[name=password]", admin.password)
        page.click("text=Log in and listen")
        page.locator("#state", has_text="Connected as browser-").wait_for()
        assert (entry.is_visible(), words.is_visible()) == (False, True)

        page.fill("[name=text]", "<b>hello</b>")
        page.click("text=Say it")
        said = page.locator("#heard li", has_text=": <b>hello</b>")
        said.wait_for()
        assert said.locator("b").count() == 0

        admin.again().delete("/auth/sessions").expect(204)
        page.locator("#state", has_text="Your session has ended.").wait_for()
        assert (entry.is_visible(), words.is_visible()) == (True, False)
        assert page.locator("#heard li", has_text="session.all_ended").count() == 1
