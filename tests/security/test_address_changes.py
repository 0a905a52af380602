"""Changing, claiming and freeing an address (R64 to R67, R70)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support import stored
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox, text

NEW_PASSWORD = "another Password of tests"


def ask_for(person: Person, email: str) -> None:
    """Ask for another address as its owner does."""
    body = {"email": email, "current_password": person.password}
    assert person.patch("/users/me", body).expect(200).json["pending_email"] == email


def kinds_of_token(client: Api, mailbox: Mailbox) -> tuple[Person, dict[str, str]]:
    """Return somebody to whom every kind of one-time token was sent, and the tokens."""
    person = client.sign_up()
    wanted = new_email()
    tokens = {"verify": mailbox.token(person.email)}
    client.at().post("/auth/password-reset", {"email": person.email}).expect(202)
    tokens["reset"] = mailbox.token(person.email)
    ask_for(person, wanted)
    tokens["change"] = mailbox.token(wanted)
    assert len(set(tokens.values())) == 3
    return person, tokens


def is_dead(client: Api, kind: str, token: str) -> bool:
    """Tell whether a one-time token does nothing any more."""
    body = {"token": token, "new_password": "a Password by a dead token"}
    path = "/auth/password-reset/confirm" if kind == "reset" else "/auth/verify-email"
    return client.at().post(path, body).code == "one_time_token_invalid"


def test_r64_a_change_waits_for_the_new_address(client: Api, mailbox: Mailbox) -> None:
    person, new = client.sign_up(), new_email()
    person.patch("/users/me", {"email": new}).expect(422)
    wrong = {"email": new, "current_password": NEW_PASSWORD}
    person.patch("/users/me", wrong).expect(403, "wrong_password")
    assert person.me()["pending_email"] is None
    assert mailbox.to(new) == []
    ask_for(person, new)
    assert person.me()["email"] == person.email
    assert client.at().log_in(person.email).id == person.id
    client.at().try_log_in(new).expect(401)
    # The old address hears of it, and never gets the token.
    token = mailbox.token(new)
    notice = mailbox.to(person.email)[-1]
    assert "is being changed" in str(notice["Subject"])
    assert token not in text(notice)
    # Reading the new mail is not enough without the account, and a GET changes nothing.
    client.at().post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    client.at().get("/auth/verify-email").expect(405)
    stranger = client.at().sign_up()
    stranger.post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    assert person.me()["email"] == person.email
    person.post("/auth/verify-email", {"token": token}).expect(204)
    me = person.me()
    assert (me["email"], me["pending_email"], me["is_verified"]) == (new, None, True)
    assert client.at().log_in(new).id == person.id
    client.at().try_log_in(person.email).expect(401)
    person.post("/auth/verify-email", {"token": token}).expect(400, "one_time_token_invalid")


def test_r65_the_first_to_confirm_gets_the_address(
    app: Flask, client: Api, mailbox: Mailbox
) -> None:
    first, second, wanted = client.sign_up(), client.sign_up(), new_email()
    ask_for(first, wanted)
    tokens = {first.id: mailbox.token(wanted)}
    ask_for(second, wanted)
    tokens[second.id] = mailbox.token(wanted)
    assert tokens[first.id] != tokens[second.id]
    second.post("/auth/verify-email", {"token": tokens[second.id]}).expect(204)
    first.post("/auth/verify-email", {"token": tokens[first.id]}).expect(409, "email_taken")
    assert first.me()["email"] == first.email
    assert second.me()["email"] == wanted
    assert client.at().log_in(first.email).id == first.id
    assert client.at().log_in(wanted).id == second.id
    client.at().post("/users", {"email": wanted, "password": PASSWORD}).expect(409)
    owners = [row for row in stored.tables(app)["users"] if row["email"] == wanted]
    assert len(owners) == 1


def by_password(client: Api, mailbox: Mailbox, person: Person, tokens: dict[str, str]) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    person.post("/users/me/password", body).expect(204)


def by_reset(client: Api, mailbox: Mailbox, person: Person, tokens: dict[str, str]) -> None:
    body = {"token": tokens["reset"], "new_password": NEW_PASSWORD}
    client.post("/auth/password-reset/confirm", body).expect(204)


def by_address(client: Api, mailbox: Mailbox, person: Person, tokens: dict[str, str]) -> None:
    person.post("/auth/verify-email", {"token": tokens["change"]}).expect(204)


def by_deletion(client: Api, mailbox: Mailbox, person: Person, tokens: dict[str, str]) -> None:
    person.delete("/users/me").expect(204)


def by_ending_all(client: Api, mailbox: Mailbox, person: Person, tokens: dict[str, str]) -> None:
    person.again().delete("/auth/sessions").expect(204)


@pytest.mark.parametrize("act", [by_password, by_reset, by_address, by_deletion, by_ending_all])
def test_r66_older_tokens_die(
    app: Flask, client: Api, mailbox: Mailbox, act: Callable[..., None]
) -> None:
    person, tokens = kinds_of_token(client, mailbox)
    act(client, mailbox, person, tokens)
    before = stored.account(app, person.id)
    assert {kind: is_dead(client, kind, token) for kind, token in tokens.items()} == dict.fromkeys(
        tokens, True
    )
    assert stored.account(app, person.id) == before


@pytest.fixture
def attacker(client: Api) -> Person:
    """Return whoever opened an account with the address of somebody else, and stays in."""
    return client.at().sign_up("victim@example.com", "a Password of the thief")


def test_r67_a_reset_throws_the_attacker_out(
    app: Flask, client: Api, mailbox: Mailbox, attacker: Person
) -> None:
    ask_for(attacker, "thief@example.org")
    change = mailbox.token("thief@example.org")
    client.post("/auth/password-reset", {"email": attacker.email}).expect(202)
    body = {"token": mailbox.token(attacker.email), "new_password": NEW_PASSWORD}
    client.post("/auth/password-reset/confirm", body).expect(204)
    is_out(client, attacker)
    for with_it in ({"new_password": PASSWORD}, {"password": attacker.password}, {}):
        answer = client.at().post("/auth/verify-email", {"token": change, **with_it})
        answer.expect(400, "one_time_token_invalid")
    row = stored.account(app, attacker.id)
    assert (row["email"], row["pending_email"]) == (attacker.email, None)


def test_r67_verifying_gives_the_account_to_the_owner(
    client: Api, mailbox: Mailbox, attacker: Person
) -> None:
    (token,) = mailbox.tokens(attacker.email)
    # The owner has neither the attacker's session nor the password, so the token alone is idle.
    client.post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    guess = {"token": token, "password": NEW_PASSWORD}
    client.post("/auth/verify-email", guess).expect(403, "wrong_password")
    assert attacker.me()["is_verified"] is False
    body = {"token": token, "new_password": NEW_PASSWORD}
    client.post("/auth/verify-email", body).expect(204)
    is_out(client, attacker)
    owner = client.log_in(attacker.email, NEW_PASSWORD)
    assert owner.me()["is_verified"] is True
    assert len(owner.get("/auth/sessions").json["sessions"]) == 2  # both are the owner's


def is_out(client: Api, attacker: Person) -> None:
    """Assert that nothing which the attacker holds opens the account."""
    attacker.get("/users/me").expect(401, "invalid_token")
    attacker.stranger.try_refresh(attacker.refresh_token).expect(401)
    attacker.stranger.try_log_in(attacker.email, attacker.password).expect(401)
    assert client.log_in(attacker.email, NEW_PASSWORD).id == attacker.id


@pytest.mark.parametrize("way", ["own", "administrator"])
def test_r70_a_freed_address_makes_somebody_new(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox, clock: Clock, way: str
) -> None:
    old = client.sign_up("freed@example.com", username="freed-name", name="Old", locale="de")
    admin.grant(old.id, "user", "admin").expect(200)
    client.post("/auth/password-reset", {"email": old.email}).expect(202)
    tokens = mailbox.tokens(old.email)
    assert len(tokens) == 2
    if way == "own":
        old.delete("/users/me").expect(204)
    else:
        admin.delete(f"/users/{old.id}").expect(204)
    clock.forward(seconds=1)
    new = client.at().sign_up("Freed@example.com", NEW_PASSWORD, username="freed-name")
    assert new.id != old.id
    me: dict[str, Any] = new.me()
    expected = {"roles": ["user"], "name": None, "locale": None, "is_verified": False}
    assert {name: me[name] for name in expected} == expected
    assert me["created_at"] > stored.account(app, old.id)["created_at"].isoformat()
    new.get("/users").expect(403)
    assert len(new.get("/auth/sessions").json["sessions"]) == 1
    events = new.get("/audit-events").json["events"]
    assert all(old.id not in (event["actor_id"], event["subject_id"]) for event in events)
    old.get("/users/me").expect(401)
    old.stranger.try_refresh(old.refresh_token).expect(401)
    client.at().try_log_in(new.email, PASSWORD).expect(401)
    for token in tokens:
        assert is_dead(client, "reset", token)
        assert is_dead(client, "verify", token)
    assert new.is_in()
    # Whoever brings the old account back does not take the address away.
    admin.post(f"/users/{old.id}/restore").expect(409, "email_taken")
    assert client.at().log_in(new.email, NEW_PASSWORD).id == new.id
