"""Deleting and restoring: what is free, what comes back, and what never does."""

import pytest
from flask import Flask

from tests.support import race
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.users import records


def test_a_deleted_account_is_gone_until_it_is_restored(
    app: Flask, client: Api, admin: Person
) -> None:
    person = client.sign_up(username="jane-doe", name="Jane")
    admin.grant(person.id, "user", "admin").expect(200)
    before = person.me()
    admin.delete(f"/users/{person.id}").expect(204)
    assert not person.is_in()
    for method in ("GET", "PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        url = f"/api/v1/users/{person.id}"
        admin.request(method, url, json=body).expect(404, "user_not_found")
    assert person.id not in str(admin.get("/users").json)
    deleted = admin.get("/users?deleted=true").json["users"]
    assert [user["id"] for user in deleted] == [person.id]
    restore = f"/users/{person.id}/restore"
    admin.post(restore, headers={"If-Match": '"v1"'}).expect(412)
    after = admin.post(restore).expect(200).json
    assert {n for n in after if after[n] != before[n]} <= {"updated_at"}
    assert not person.is_in(), "a session never revives"
    client.try_log_in("jane-doe").expect(200)
    assert [e.type for e in records.events(app, "user.deleted", "user.restored")] == [
        "user.deleted",
        "user.restored",
    ]
    admin.post(restore).expect(200)


def test_what_was_taken_meanwhile(client: Api, admin: Person) -> None:
    person = client.sign_up(email="jane@example.com", username="jane-doe")
    admin.delete(f"/users/{person.id}").expect(204)
    other = client.sign_up(email="JANE@example.com")
    admin.post(f"/users/{person.id}/restore").expect(409, "email_taken")
    admin.delete(f"/users/{other.id}").expect(204)
    third = client.sign_up(username="Jane-Doe")
    restored = admin.post(f"/users/{person.id}/restore").expect(200).json
    assert (restored["email"], restored["username"]) == ("jane@example.com", None)
    assert third.me()["username"] == "Jane-Doe"


def test_after_the_retention_nothing_comes_back(client: Api, admin: Person, clock: Clock) -> None:
    person = client.sign_up()
    admin.delete(f"/users/{person.id}").expect(204)
    clock.forward(days=29)
    later = admin.again()
    clock.forward(days=1.1)
    later = admin.again()
    later.post(f"/users/{person.id}/restore").expect(409, "retention_over")


@pytest.mark.parametrize("_round", range(5))
def test_c8_nothing_is_reborn(client: Api, admin: Person, _round: int) -> None:
    person = client.sign_up()
    deletion, *_, log_in, refresh = answers = race.at_once(
        [
            lambda: admin.delete(f"/users/{person.id}"),
            lambda: person.patch("/users/me", {"name": "reborn"}),
            lambda: admin.patch(f"/users/{person.id}", {"locale": "de"}),
            lambda: person.stranger.try_log_in(person.email),
            lambda: person.stranger.try_refresh(person.refresh_token),
        ]
    )
    race.statuses(answers)
    deletion.expect(204)
    admin.get(f"/users/{person.id}").expect(404)
    assert not person.is_in()
    for answer in (log_in, refresh):
        if answer.status == 200:
            assert not person.bearing(answer.json["access_token"]).is_in()
            client.try_refresh(answer.json["refresh_token"]).expect(401)
