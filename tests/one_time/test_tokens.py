"""One-time tokens over HTTP: long, for one purpose and one use, and soon over (R111)."""

import re

import pytest

from tests.support.api import PASSWORD, Api, new_email
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox

DOORS = ("/auth/verify-email", "/auth/password-reset/confirm")
NEW_PASSWORD = "another Password of tests"


@pytest.fixture
def email(client: Api) -> str:
    """Return the address of somebody who has signed up."""
    email = new_email()
    client.post("/users", {"email": email, "password": PASSWORD}).expect(201)
    return email


def ask_for_reset(client: Api, mailbox: Mailbox, email: str) -> str:
    """Return the token of a reset that was asked for just now."""
    client.post("/auth/password-reset", {"email": email}).expect(202)
    return mailbox.token(email)


def test_r111_a_token_has_more_than_128_bits_and_one_use(
    client: Api, mailbox: Mailbox, email: str
) -> None:
    token = ask_for_reset(client, mailbox, email)
    assert re.fullmatch(r"[0-9a-f-]{36}\.[0-9a-f]{64}", token), "256 bits behind the id"
    body = {"token": token, "new_password": NEW_PASSWORD}
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")

    client.post(DOORS[1], {**body, "token": wrong}).expect(400, "one_time_token_invalid")
    client.post(DOORS[1], body).expect(204)
    client.post(DOORS[1], body).expect(400, "one_time_token_invalid")


def test_r111_a_token_opens_the_door_of_its_purpose_only(
    client: Api, mailbox: Mailbox, email: str
) -> None:
    [verification] = mailbox.tokens(email)
    reset = ask_for_reset(client, mailbox, email)

    for door, token in zip(DOORS, (reset, verification), strict=True):
        body = {"token": token, "new_password": NEW_PASSWORD}
        client.post(door, body).expect(400, "one_time_token_invalid")
    client.log_in(email)


def test_r111_a_newer_token_and_an_hour_end_a_token(
    client: Api, mailbox: Mailbox, email: str, clock: Clock
) -> None:
    older = ask_for_reset(client, mailbox, email)
    newer = ask_for_reset(client, mailbox, email)
    assert older != newer

    client.post(DOORS[1], {"token": older, "new_password": NEW_PASSWORD}).expect(400)
    clock.forward(minutes=61)
    client.post(DOORS[1], {"token": newer, "new_password": NEW_PASSWORD}).expect(400)


def test_r111_to_open_a_link_spends_nothing(client: Api, mailbox: Mailbox, email: str) -> None:
    token = ask_for_reset(client, mailbox, email)

    for path in (*DOORS, "/verify-email", "/reset-password"):
        client.get(f"{path}?token={token}")
        client.request("HEAD", f"{path}?token={token}")
    client.post(DOORS[1], {"token": token, "new_password": NEW_PASSWORD}).expect(204)
