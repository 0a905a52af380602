"""Changing one's own password: proof, rules, what ends by it, and races."""

import pytest
from flask import Flask

from tests.support import race
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person
from tests.users import records

NEW = "a quite different one"


def change(person: Person, new: str = NEW, current: str = PASSWORD) -> Answer:
    """Send the change."""
    body = {"current_password": current, "new_password": new}
    return person.post("/users/me/password", body)


def test_r22_ends_the_other_sessions_and_keeps_this_one(app: Flask, client: Api) -> None:
    person = client.sign_up()
    other = person.again()
    change(person).expect(204)
    assert person.is_in()
    assert not other.is_in()
    client.try_refresh(other.refresh_token).expect(401)
    person.refreshed()
    client.try_log_in(person.email).expect(401)
    client.try_log_in(person.email, NEW).expect(200)
    [event] = records.events(app, "password.changed")
    assert str(event.actor_id) == person.id
    # R114
    [mail] = records.mails(app, "password_changed")
    assert mail["to"] == person.email


def test_r22_r39_needs_the_current_password(client: Api) -> None:
    person = client.sign_up()
    person.post("/users/me/password", {"new_password": NEW}).expect(422)
    change(person, current="a wrong one").expect(403, "wrong_password")
    change(person, current="\ud800").expect(403, "wrong_password")
    client.try_log_in(person.email).expect(200)


def test_r39_guesses_are_counted_like_log_ins(client: Api) -> None:
    person = client.sign_up()
    answers = [change(person, current=f"wrong number {n}") for n in range(15)]
    assert {answer.status for answer in answers} == {403, 429}
    throttled = change(person).expect(429)
    assert throttled.retry_after > 0
    assert person.is_in()


def test_r34_r36_the_same_rules_as_at_sign_up(client: Api) -> None:
    person = client.sign_up(username="jane-doe", name="Jane Doe")
    for new in ("short", "password", "jane-doe", "Jane Doe", person.email, "x" * 129):
        answer = change(person, new).expect(422)
        assert list(answer.json["errors"]) == ["new_password"], new


def test_r66_older_links_are_dead(app: Flask, client: Api) -> None:
    person = client.sign_up()
    verify = records.token(app, "verify_email")
    body = {"email": "new@example.com", "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    confirm = records.token(app, "email_change_confirm")
    change(person).expect(204)
    for token in (verify, confirm):
        person.post("/auth/verify-email", {"token": token}).expect(400, "one_time_token_invalid")
    assert person.me()["pending_email"] is None


@pytest.mark.settings(THREADS="48")
def test_c13_of_two_changes_at_once_exactly_one_wins(client: Api) -> None:
    for round_ in range(3):
        person = client.at().sign_up()
        new = [f"different number {round_} {n}" for n in range(6)]
        people = [person.again() for _ in new]
        actions = [lambda p=p, n=n: change(p, n) for p, n in zip(people, new, strict=True)]
        answers = race.at_once(actions)
        assert [answer.status for answer in answers].count(204) == 1, race.statuses(answers)
        race.statuses(answers)
        winner = next(n for n, answer in zip(new, answers, strict=True) if answer.status == 204)
        for password in (PASSWORD, *new):
            expected = 200 if password == winner else 401
            client.at().try_log_in(person.email, password).expect(expected)
