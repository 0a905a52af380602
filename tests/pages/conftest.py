"""A browser that sees our server alone; what else it asks for or complains of is a failure."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.databases import Sqlite
from tests.support.live import Live, Servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

SIZES = {"desk": (1280, 900, "light"), "phone": (390, 844, "dark")}


@pytest.fixture
def live(servers: Servers) -> Live:
    """Return a real server on SQLite; other tests may share it."""
    return servers.get(Sqlite.name)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Return Chromium; a machine without it skips the test, except where everything must run."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        text = (
            "a browser is missing: make test-full brings playwright, apt install chromium the rest"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: "Browser", live: Live) -> Iterator["Page"]:
    """Return an empty page, as wide as a desk's and as a phone's."""
    width, height, scheme = SIZES[request.param]
    context: Any = browser.new_context(
        base_url=live.url, viewport={"width": width, "height": height}, color_scheme=scheme
    )
    wrong: list[str] = []

    def admit(route: "Route") -> None:
        if route.request.url.startswith(f"{live.url}/"):
            route.continue_()
        else:
            wrong.append(f"asked for {route.request.url}")
            route.abort()

    def hear(message: "ConsoleMessage") -> None:
        # A refusal of the API is told there as well; whether it was due, the test knows.
        is_refusal = message.text.startswith("Failed to load resource") and "/api/" in str(
            message.location
        )
        # Swagger UI says so of every operation id with an underscore that a link names.
        is_idle = message.text.startswith("Deprecated: escaping deep link")
        if message.type == "error" and not is_refusal and not is_idle:
            wrong.append(message.text)

    context.route("**/*", admit)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    opened.on("console", hear)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= width, "wider than the window"
    context.close()
    assert wrong == []
