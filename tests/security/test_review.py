"""What a review of the first version found: each of these once went wrong."""

import threading
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from gatehouse import roles, users
from gatehouse.infra import db
from tests.support.answers import JSON
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.databases import Database, Sqlite
from tests.support.mailbox import Mailbox
from tests.support.people import NOWHERE, make_super_admin

WRONG = "a wrong Password of tests"
ANOTHER = "another Password of tests"
FREE = 10


def event_types(admin: Person, user_id: str) -> list[str]:
    """Return the types of what happened to a person, the newest first."""
    events = admin.get(f"/audit-events?subject_id={user_id}").expect(200).json["events"]
    return [event["type"] for event in events]


@pytest.mark.parametrize("name", [rb"\ud800", rb"nobody\udfff@example.com", rb"\ud800@example.com"])
def test_r83_half_a_surrogate_pair_in_a_log_in_name_is_nobody(client: Api, name: bytes) -> None:
    body = b'{"username": "%s", "password": "anything"}' % name
    headers = {"Content-Type": JSON}
    client.post("/auth/login", body=body, headers=headers).expect(401, "invalid_credentials")


def test_r47_spellings_of_an_unknown_address_share_a_counter(client: Api, clock: Clock) -> None:
    """An ideographic full stop is the dot of a domain: for a name that nobody has, too."""
    clock.stop()
    for email in (client.sign_up().email, new_email()):
        for _ in range(FREE):
            client.at().try_log_in(email, WRONG).expect(401)
        for dot in ("\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH FULL STOP}"):
            spelled = email.replace("example.com", f"example{dot}com")
            client.at().try_log_in(spelled, WRONG).expect(429, "too_many_attempts")


def test_r53_unlock_opens_a_known_place_too(client: Api, admin: Person) -> None:
    person = client.sign_up()
    for _ in range(FREE):
        client.try_log_in(person.email, WRONG).expect(401)
    client.try_log_in(person.email).expect(429)
    admin.post(f"/users/{person.id}/unlock").expect(204)
    client.log_in(person.email)


def test_r23_after_a_reset_its_place_is_not_throttled(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up()
    for _ in range(FREE):
        client.try_log_in(person.email, WRONG).expect(401)
    client.try_log_in(person.email).expect(429)
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    body = {"token": mailbox.token(person.email), "new_password": ANOTHER}
    client.post("/auth/password-reset/confirm", body).expect(204)
    client.log_in(person.email, ANOTHER)


def test_r77_who_is_outranked_spends_nobodys_mails(
    app: Flask, client: Api, mailbox: Mailbox
) -> None:
    email, password = make_super_admin(app)
    chief = client.at().log_in(email, password)
    helper = client.sign_up()
    chief.grant(helper.id, "user", "admin").expect(200)
    for _ in range(6):
        helper.post(f"/users/{chief.id}/password-reset").expect(403, "target_outranks")
        change = helper.patch(f"/users/{chief.id}", {"email": new_email()})
        change.expect(403, "target_outranks")
    chief.post(f"/users/{chief.id}/password-reset").expect(202)
    assert mailbox.tokens(chief.email)


def test_r112_a_log_in_that_asks_for_another_password_is_recorded(
    client: Api, admin: Person
) -> None:
    email = new_email()
    made = admin.post("/users", {"email": email, "password": PASSWORD}).expect(201).json
    client.try_log_in(email).expect(403, "password_change_required")
    assert event_types(admin, made["id"]) == ["login.unfinished", "user.created"]


def test_r16_a_spent_token_is_a_replay_after_its_own_time_too(
    client: Api, admin: Person, clock: Clock
) -> None:
    person = client.sign_up()
    spent = person.refresh_token
    for _ in range(2):
        clock.forward(days=6)
        person = person.refreshed()
    client.at().try_refresh(spent).expect(401, "invalid_refresh_token")
    assert not person.is_in()
    again = admin.stranger.log_in(admin.email, admin.password)
    assert event_types(again, person.id)[0] == "session.reuse_detected"


def test_c7_a_role_given_meanwhile_is_not_taken_by_the_next_grant(app: Flask, client: Api) -> None:
    """Two grants of different roles on the command line, the second waiting for the first."""
    person = UUID(client.sign_up().id)
    has_granted, may_commit, is_waiting = (threading.Event() for _ in range(3))

    def first() -> None:
        with app.app_context(), db.unit():
            users.grant(person, roles.ADMIN, actor=None, origin=NOWHERE)
            has_granted.set()
            may_commit.wait(10)

    def second() -> None:
        has_granted.wait(10)
        is_waiting.set()
        with app.app_context(), db.unit():
            users.grant(person, roles.SUPER_ADMIN, actor=None, origin=NOWHERE)

    threads = [threading.Thread(target=act) for act in (first, second)]
    for thread in threads:
        thread.start()
    is_waiting.wait(10)
    threads[1].join(0.3)
    may_commit.set()
    for thread in threads:
        thread.join(10)
    with app.app_context(), db.unit():
        assert roles.names_of(person) == [roles.ADMIN, roles.SUPER_ADMIN, roles.USER]


def test_r104_a_primary_that_became_a_replica_is_an_outage(
    app: Flask, client: Api, database: Database
) -> None:
    if database.name == Sqlite.name:
        pytest.skip("SQLite has no replica")
    person = client.sign_up()
    with app.app_context(), db.reader.engine.connect() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        db.sqlalchemy.engine.dispose()
    person.patch("/users/me", {"name": "Ada"}).expect(503, "database_unavailable")
    person.get("/users/me").expect(200)


def test_a_held_role_keeps_its_name(client: Api, admin: Person) -> None:
    """The name is a member of the account, so another name would make the account's ETag lie."""
    body = {"name": "reader", "description": "Reads", "permissions": ["users:read"]}
    role = admin.post("/roles", body).expect(201).json
    person = client.sign_up()
    admin.put(f"/users/{person.id}/roles", {"roles": ["user", "reader"]}).expect(200)
    admin.patch(f"/roles/{role['id']}", {"name": "viewer"}).expect(409, "role_in_use")
    admin.patch(f"/roles/{role['id']}", {"description": "Looks"}).expect(200)
    admin.put(f"/users/{person.id}/roles", {"roles": ["user"]}).expect(200)
    admin.patch(f"/roles/{role['id']}", {"name": "viewer"}).expect(200)


def test_a_plus_that_is_typed_into_a_url_sorts_upwards(admin: Person, client: Api) -> None:
    client.sign_up()
    upwards = admin.get("/users?sort=email").expect(200).json["users"]
    assert admin.get("/users?sort=+email").expect(200).json["users"] == upwards
    admin.get("/users?sort=++email").expect(422)


def test_r66_no_change_of_address_waits_for_a_dead_link(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up()
    change = {"email": new_email(), "current_password": PASSWORD}
    assert person.patch("/users/me", change).expect(200).json["pending_email"]
    person.delete("/auth/sessions").expect(204)
    assert person.me()["pending_email"] is None


def test_r112_a_wrong_proof_of_an_address_is_recorded(
    client: Api, admin: Person, mailbox: Mailbox
) -> None:
    person = client.sign_up()
    token = mailbox.token(person.email)
    body = {"token": token, "password": WRONG}
    client.post("/auth/verify-email", body).expect(403, "wrong_password")
    assert event_types(admin, person.id)[0] == "email.verification_failed"
    for _ in range(FREE):
        client.post("/auth/verify-email", body)
    client.post("/auth/verify-email", body).expect(429, "too_many_attempts")
    assert "login.throttled" in event_types(admin, person.id)
