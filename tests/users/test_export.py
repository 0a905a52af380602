"""What a person gets of themselves: everything that is kept, and nothing else."""

import json

from flask import Flask

from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.users import records

SECTIONS = {
    "account",
    "mail",
    "roles",
    "sessions",
    "known_places",
    "one_time_tokens",
    "uploads",
    "events",
}


def test_everything_about_oneself(app: Flask, client: Api, admin: Person) -> None:
    person = client.at().sign_up(name="Ada Lovelace")
    admin.put(f"/users/{person.id}/roles", {"roles": ["user", "admin"]}).expect(200)
    answer = person.get("/users/me/export").expect(200)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    data = answer.json["data"]
    assert set(data) >= SECTIONS
    account = person.me()
    del account["created_by"]
    assert data["account"] == account
    assert {role["name"] for role in data["roles"]} == {"user", "admin"}
    assert [session["id"] for session in data["sessions"]]
    assert {mail["template"] for mail in data["mail"]} == {"verify_email", "roles_changed"}
    assert {mail["to"] for mail in data["mail"]} == {person.email}
    assert [token["purpose"] for token in data["one_time_tokens"]] == ["verify_email"]
    assert {event["type"] for event in data["events"]} >= {"user.registered", "roles.changed"}


def test_no_secret_and_nobody_else(app: Flask, client: Api, admin: Person) -> None:
    person = client.at().sign_up()
    admin.put(f"/users/{person.id}/roles", {"roles": ["user", "admin"]}).expect(200)
    person.patch(f"/users/{client.sign_up().id}", {"name": "Somebody"})
    told = json.dumps(person.get("/users/me/export").expect(200).json)
    assert admin.id not in told
    others = [row for row in records.rows(app, "users") if str(row.id) != person.id]
    own = next(row for row in records.rows(app, "users") if str(row.id) == person.id)
    tokens = records.rows(app, "one_time_tokens")
    secrets = [own.password_hash, *(token.digest for token in tokens), person.token]
    secrets += [records.token(app, "verify_email"), person.refresh_token]
    for text in (*(str(row.id) for row in others), *(row.email for row in others), *secrets):
        assert text not in told


def test_it_needs_a_fresh_log_in_and_has_a_limit(client: Api, clock: Clock) -> None:
    client.get("/users/me/export").expect(401, "unauthenticated")
    person = client.sign_up()
    for _ in range(3):
        person.get("/users/me/export").expect(200)
    person.get("/users/me/export").expect(429, "rate_limited")
    other = client.sign_up()
    clock.forward(minutes=11)
    other.get("/users/me/export").expect(401, "insufficient_user_authentication")
