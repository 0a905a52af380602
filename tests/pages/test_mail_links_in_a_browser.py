"""The links of mails in a real browser: what people see, do, and are told (R67, R111)."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.api import PASSWORD, new_email
from tests.support.live import Live
from tests.support.mailbox import Mailbox

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.full

NEW = "another Password of tests"


@pytest.fixture
def mailbox(live: Live) -> Mailbox:
    """Return the mail of the server."""
    return live.mailbox()


@pytest.fixture
def email(live: Live) -> str:
    """Return the address of somebody who has just signed up."""
    email = new_email()
    live.client.post("/users", {"email": email, "password": PASSWORD}).expect(201)
    return email


def press(page: "Page", name: str) -> None:
    """Press the button of a name."""
    page.get_by_role("button", name=name).click()


def heard(page: "Page", text: str) -> None:
    """Wait for a notice that says something, and for its field or button to have the focus."""
    page.get_by_role("alert").filter(has_text=text).wait_for()
    assert page.evaluate("document.activeElement.tagName") in ("INPUT", "BUTTON")


def finished(page: "Page", heading: str) -> None:
    """Wait for the end of a step, whose heading has the focus."""
    page.get_by_role("heading", name=heading).wait_for()
    assert page.evaluate("document.activeElement.textContent") == heading
    assert page.locator("form:visible").count() == 0


def test_a_forgotten_password(page: "Page", live: Live, mailbox: Mailbox, email: str) -> None:
    since = live.log.stat().st_size
    page.goto("/forgot-password")
    page.get_by_label("E-mail address").fill(email)
    press(page, "Send the mail")
    finished(page, "Look into your mail")

    token = mailbox.nth_token(email, 2)
    page.goto(f"/reset-password#token={token}")
    assert page.url == f"{live.url}/reset-password", "it stands in no history"
    page.reload()
    assert not page.get_by_label("Code from the mail").is_visible(), "a reload keeps the token"
    press(page, "Set the password")
    page.get_by_text("Needed.").wait_for()
    page.get_by_label("New password").fill(email)
    press(page, "Set the password")
    page.locator("#new_password[aria-invalid=true]").wait_for()
    assert page.locator("#new_password-error").inner_text()
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("Show it").check()
    assert page.locator("#new_password").get_attribute("type") == "text"
    press(page, "Set the password")
    finished(page, "Your password is set")
    live.client.log_in(email, NEW)
    assert token not in live.logged(since)


def test_r111_a_spent_link_offers_a_new_mail(
    page: "Page", live: Live, mailbox: Mailbox, email: str
) -> None:
    live.client.post("/auth/password-reset", {"email": email}).expect(202)
    spent = mailbox.nth_token(email, 2)
    body = {"token": spent, "new_password": NEW}
    live.client.post("/auth/password-reset/confirm", body).expect(204)

    page.goto(f"/reset-password#token={spent}")
    page.get_by_label("New password").fill(PASSWORD)
    press(page, "Set the password")
    heard(page, "This link no longer works.")
    page.get_by_label("E-mail address").fill(email)
    press(page, "Send a new mail")
    finished(page, "Look into your mail")
    token = mailbox.nth_token(email, 3)

    # Whose mail program has lost the link's end takes the code; blanks around it do no harm.
    page.goto("about:blank")
    page.goto("/reset-password")
    page.get_by_label("Code from the mail").fill(f"  {token} ")
    page.get_by_label("New password").fill(PASSWORD)
    press(page, "Set the password")
    finished(page, "Your password is set")


def test_an_address_is_confirmed_by_its_password(
    page: "Page", live: Live, mailbox: Mailbox, email: str
) -> None:
    page.goto(f"/verify-email#token={mailbox.token(email)}")
    page.get_by_label("Your password").fill("a wrong Password of tests")
    press(page, "Confirm the address")
    page.get_by_text("This is not the password of the account.").wait_for()
    assert page.evaluate("document.activeElement.id") == "password"
    page.get_by_label("Your password").fill(PASSWORD)
    press(page, "Confirm the address")
    finished(page, "Your address is confirmed")
    assert live.client.log_in(email).me()["is_verified"] is True


def test_r67_who_did_not_open_the_account_takes_it(
    page: "Page", live: Live, mailbox: Mailbox, email: str
) -> None:
    stranger = live.client.log_in(email)
    page.goto(f"/verify-email#token={mailbox.token(email)}")
    press(page, "I have no password, or did not open this account")
    assert not page.get_by_label("Your password").is_visible()
    page.get_by_label("New password").fill(NEW)
    press(page, "Confirm the address")
    finished(page, "Your address is confirmed")
    assert not stranger.is_in()
    assert live.client.log_in(email, NEW).me()["is_verified"] is True


def test_a_changed_address_is_confirmed(
    page: "Page", live: Live, mailbox: Mailbox, email: str
) -> None:
    person, address = live.client.log_in(email), new_email()
    person.patch("/users/me", {"email": address, "current_password": PASSWORD}).expect(200)
    page.goto(f"/verify-email#token={mailbox.token(address)}")
    page.get_by_label("Your password").fill(PASSWORD)
    press(page, "Confirm the address")
    finished(page, "Your address is confirmed")
    assert person.me()["email"] == address


def test_a_hostile_token_is_text(page: "Page") -> None:
    for token in ('"><img src=x onerror=alert(1)>', "javascript:alert(1)", "%00", "a" * 5000):
        page.goto("about:blank")
        page.goto(f"/verify-email#token={token}")
        page.get_by_label("Your password").fill(PASSWORD)
        press(page, "Confirm the address")
        heard(page, "This link no longer works.")
        assert page.locator("img").count() == 0


def test_too_often_is_told_with_its_time(page: "Page", live: Live) -> None:
    refused = {"status": 429, "headers": {"Retry-After": "170"}, "json": {"code": "rate_limited"}}
    page.route("**/api/v1/auth/password-reset", lambda route: route.fulfill(**refused))
    page.goto("/forgot-password")
    page.get_by_label("E-mail address").fill(new_email())
    press(page, "Send the mail")
    heard(page, "That was too often. Try again in 3 minutes.")


def test_no_connection_is_told(page: "Page") -> None:
    page.route("**/api/v1/auth/password-reset", lambda route: route.abort())
    page.goto("/forgot-password")
    page.get_by_label("E-mail address").fill(new_email())
    press(page, "Send the mail")
    page.get_by_role("alert").filter(has_text="could not be reached").wait_for()


def test_every_field_has_a_label_and_every_page_a_heading(page: "Page") -> None:
    for path in ("/verify-email", "/reset-password", "/forgot-password", "/problems/email_taken"):
        page.goto(path)
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        unnamed = "input:not([type=checkbox])"
        for field in page.locator(unnamed).all():
            name = field.get_attribute("id")
            assert page.locator(f"label[for={name}]").count() == 1, name
            assert re.fullmatch(
                r"(off|email|current-password|new-password)",
                str(field.get_attribute("autocomplete")),
            )
