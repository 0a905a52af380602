"""Swagger UI in a real browser: it shows the API, logs in, and calls it."""

from typing import TYPE_CHECKING

import pytest

from tests.support.live import Live

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.full


def test_the_docs_log_in_by_password_and_call_the_api(page: "Page", live: Live) -> None:
    person = live.client.sign_up()
    page.goto("/docs")
    me = page.locator(".opblock-get", has=page.locator('[data-path="/api/v1/users/me"]'))
    me.wait_for()
    assert page.locator(".opblock").count() > 30

    page.locator("button.authorize").first.click()
    offered = page.locator(".auth-container h4")
    offered.first.wait_for()
    assert [text.split()[0] for text in offered.all_inner_texts()] == ["bearer", "oauth2"]
    form = page.locator(".auth-container", has_text="OAuth2, password")
    assert form.locator("input:visible").count() == 2, "name and password, no client and no secret"
    form.locator("#oauth_username").fill(person.email)
    form.locator("#oauth_password").fill(person.password)
    form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    form.get_by_role("button", name="Remove authorization").wait_for()
    form.get_by_role("button", name="Close").click()

    me.locator(".opblock-summary-control").click()
    me.get_by_role("button", name="Execute").click()
    answer = me.locator(".live-responses-table")
    answer.wait_for()
    assert answer.locator("tbody .response-col_status").first.inner_text().startswith("200")
    assert person.email in answer.inner_text()

    # Nothing of it stays behind, and a reload is a stranger.
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.context.cookies() == []


def test_a_link_into_the_docs_opens_its_operation(page: "Page") -> None:
    page.goto("/docs#/users/users_show_me")
    page.locator(".opblock.is-open").wait_for()
    assert page.locator(".opblock.is-open .opblock-summary-path").inner_text() == "/api/v1/users/me"
