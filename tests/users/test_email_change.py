"""Changing an address: who proves what, who hears of it, and what it does to older links."""

import pytest
from flask import Flask

from tests.support import race
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox
from tests.users import records


def ask(person: Person, email: str, **more: str) -> Answer:
    """Ask for another address of one's own."""
    return person.patch("/users/me", {"email": email, "current_password": PASSWORD, **more})


def test_r64_takes_effect_when_the_new_address_confirms(
    app: Flask, client: Api, mailbox: Mailbox
) -> None:
    person, new = client.sign_up(), "Jane.New@example.com"
    answer = ask(person, new).expect(200)
    assert (answer.json["email"], answer.json["pending_email"]) == (person.email, new)
    assert "is being changed" in mailbox.subjects(person.email)[-1]
    client.try_log_in(person.email).expect(200)
    client.try_log_in(new).expect(401)
    person.post("/auth/verify-email", {"token": mailbox.token(new)}).expect(204)
    after = person.me()
    assert (after["email"], after["pending_email"], after["is_verified"]) == (new, None, True)
    client.try_log_in(new.lower()).expect(200)
    client.try_log_in(person.email).expect(401)
    assert len(records.events(app, "email.change_requested", "email.changed")) == 2


def test_r39_needs_the_current_password_and_counts_guesses(app: Flask, client: Api) -> None:
    person = client.sign_up()
    for path in ("/users/me", f"/users/{person.id}"):
        answer = person.patch(path, {"email": new_email()}).expect(422)
        assert list(answer.json["errors"]) == ["current_password"]
        ask(person, new_email(), current_password="wrong one").expect(403, "wrong_password")
    for _ in range(12):
        answer = ask(person, new_email(), current_password="wrong one")
    assert answer.status == 429
    assert person.me()["pending_email"] is None
    assert records.mails(app, "email_change_confirm") == []


def test_only_the_newest_request_counts_and_it_can_be_cancelled(app: Flask, client: Api) -> None:
    person = client.sign_up()
    ask(person, "one@example.com").expect(200)
    first = records.token(app, "email_change_confirm")
    ask(person, "two@example.com").expect(200)
    second = records.token(app, "email_change_confirm")
    person.post("/auth/verify-email", {"token": first}).expect(400)
    assert ask(person, person.email).expect(200).json["pending_email"] is None
    person.post("/auth/verify-email", {"token": second}).expect(400)
    assert person.me()["email"] == person.email


def test_r66_links_to_the_old_address_die(app: Flask, client: Api) -> None:
    person = client.sign_up()
    verify = records.token(app, "verify_email")
    ask(person, new_email()).expect(200)
    person.post("/auth/verify-email", {"token": records.token(app, "email_change_confirm")})
    person.post("/auth/verify-email", {"token": verify}).expect(400, "one_time_token_invalid")


def test_a_known_address_is_told_at_once(client: Api) -> None:
    person, other = client.sign_up(), client.sign_up()
    ask(person, other.email.upper()).expect(409, "email_taken")
    assert person.me()["pending_email"] is None


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_strict_mode_tells_the_owner_and_not_the_caller(
    app: Flask, client: Api, mailbox: Mailbox
) -> None:
    for email in ("jane@example.com", "john@example.com"):
        client.post("/users", {"email": email, "password": PASSWORD}).expect(202)
    jane = client.log_in("jane@example.com")
    answer = ask(jane, "JOHN@example.com").expect(200)
    assert answer.json["pending_email"] == "JOHN@example.com"
    assert records.mails(app, "email_change_confirm") == []
    assert mailbox.to("JOHN@example.com") == []
    assert mailbox.subjects("john@example.com")[-1].startswith("You already have")


def test_r65_c11_two_who_want_one_address(app: Flask, client: Api) -> None:
    people, new = [client.sign_up(), client.sign_up()], new_email()
    tokens = []
    for person in people:
        ask(person, new).expect(200)
        tokens.append(records.token(app, "email_change_confirm"))
    actions = [
        lambda p=p, t=t: p.post("/auth/verify-email", {"token": t})
        for p, t in zip(people, tokens, strict=True)
    ]
    answers = race.at_once(actions)
    assert race.statuses(answers) == {204: 1, 409: 1}
    assert sorted(person.me()["email"] == new for person in people) == [False, True]
    assert all(person.me()["email"] for person in people)
    assert not any(person.me()["pending_email"] for person in people)


def test_c4_one_link_is_good_for_one_change(app: Flask, client: Api) -> None:
    person = client.sign_up()
    ask(person, new_email()).expect(200)
    token = records.token(app, "email_change_confirm")
    answers = race.at_once(
        [lambda: person.post("/auth/verify-email", {"token": token}) for _ in range(10)]
    )
    assert race.statuses(answers) == {204: 1, 400: 9}


@pytest.mark.settings(LIMITS="mails_to_person=2/hour")
def test_r59_mails_to_a_person_are_limited(app: Flask, client: Api) -> None:
    person = client.sign_up()
    answers = [ask(person, new_email()) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    # What was sent before stays good.
    person.post("/auth/verify-email", {"token": records.token(app, "email_change_confirm")})
    assert person.me()["email"] == answers[1].json["pending_email"]


def test_an_administrator_needs_no_password_but_the_owners_confirmation(
    app: Flask, client: Api, admin: Person, clock: Clock
) -> None:
    person, new = client.sign_up(), new_email()
    answer = admin.patch(f"/users/{person.id}", {"email": new}).expect(200)
    assert (answer.json["email"], answer.json["pending_email"]) == (person.email, new)
    assert [mail["to"] for mail in records.mails(app, "email_change_notice")] == [person.email]
    person.post("/auth/verify-email", {"token": records.token(app, "email_change_confirm")})
    assert person.me()["email"] == new
    clock.forward(minutes=11)
    answer = admin.patch(f"/users/{person.id}", {"email": new_email()})
    answer.expect(401, "insufficient_user_authentication")
    admin.patch(f"/users/{person.id}", {"name": "Jane"}).expect(200)
