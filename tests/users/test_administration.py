"""What administrators may do to whom: rank, and the last super_admin."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.infra import db
from tests.support import race
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.users import records

Act = Callable[[Person, Person], Answer]
ABSENT = "01890000-0000-7000-8000-000000000000"


def test_an_account_made_for_somebody_else(app: Flask, client: Api, admin: Person) -> None:
    body = {"email": new_email(), "password": PASSWORD, "is_active": True, "roles": ["admin"]}
    made = admin.post("/users", body).expect(201).json
    assert (made["roles"], made["created_by"], made["is_verified"]) == (["admin"], admin.id, False)
    # R42: the password that somebody else has chosen opens nothing but its own change.
    answer = client.try_log_in(body["email"]).expect(403, "password_change_required")
    assert "access_token" not in answer.json
    assert [mail["to"] for mail in records.mails(app, "new_password_required")] == [body["email"]]
    event = records.events(app, "user.created")[-1]
    assert (str(event.actor_id), str(event.subject_id)) == (admin.id, made["id"])
    # R36: the rules hold for administrators too.
    admin.post("/users", {**body, "password": body["email"]}).expect(422)
    inactive = {"email": new_email(), "password": PASSWORD, "is_active": False}
    assert admin.post("/users", inactive).json["is_active"] is False
    client.try_log_in(inactive["email"]).expect(401)
    unknown = {"email": new_email(), "password": PASSWORD, "roles": ["user", "no-such"]}
    assert list(admin.post("/users", unknown).expect(422).json["errors"]) == ["roles.1"]


def test_nobody_makes_an_account_that_outranks_them(app: Flask, client: Api, clock: Clock) -> None:
    plain = records.with_roles(app, client, "admin")
    body = {"email": new_email(), "password": PASSWORD, "roles": ["super_admin"]}
    plain.post("/users", body).expect(403, "target_outranks")
    plain.post("/users", {**body, "roles": ["user", "admin"]}).expect(201)
    clock.forward(minutes=11)
    plain.post("/users", {**body, "email": new_email()}).expect(401)
    plain.post("/users", {"email": new_email(), "password": PASSWORD}).expect(201)


def test_r24_r76_deactivation_is_at_once_and_recorded(
    app: Flask, client: Api, admin: Person
) -> None:
    person = client.sign_up()
    answer = admin.patch(f"/users/{person.id}", {"is_active": False, "name": "X"}).expect(200)
    assert answer.json["is_active"] is False
    assert not person.is_in()
    client.try_refresh(person.refresh_token).expect(401)
    client.try_log_in(person.email).expect(401)
    admin.patch(f"/users/{person.id}", {"is_active": True}).expect(200)
    assert not person.is_in(), "a session never revives"
    client.try_log_in(person.email).expect(200)
    events = records.events(app, "user.deactivated", "user.activated", "user.changed")
    assert [event.type for event in events] == [
        "user.changed",
        "user.deactivated",
        "user.activated",
    ]
    assert {(str(e.actor_id), str(e.subject_id)) for e in events} == {(admin.id, person.id)}


def test_r78_a_deactivated_administrator_is_out(app: Flask, client: Api, admin: Person) -> None:
    other = records.with_roles(app, client, "super_admin")
    admin.patch(f"/users/{other.id}", {"is_active": False}).expect(200)
    other.get("/users").expect(401)


def test_r77_nobody_touches_who_holds_more(app: Flask, client: Api, admin: Person) -> None:
    plain = records.with_roles(app, client, "admin")
    peer = records.with_roles(app, client, "admin")
    for method, path, body in (
        ("PATCH", "", {"name": "x"}),
        ("PATCH", "", {"is_active": False}),
        ("PATCH", "", {"email": new_email()}),
        ("DELETE", "", None),
        ("POST", "/unlock", None),
        ("POST", "/restore", None),
        ("POST", "/password-reset", None),
        ("GET", "/sessions", None),
        ("DELETE", "/sessions", None),
    ):
        url = f"/api/v1/users/{admin.id}{path}"
        plain.request(method, url, json=body).expect(403, "target_outranks")
    assert admin.me()["name"] is None
    plain.patch(f"/users/{peer.id}", {"name": "x"}).expect(200)
    plain.get(f"/users/{admin.id}").expect(200)


def test_nobody_is_there(admin: Person) -> None:
    for path in ("/restore", "/unlock", "/password-reset"):
        admin.post(f"/users/{ABSENT}{path}").expect(404, "user_not_found")
    for path in ("", "/sessions"):
        admin.get(f"/users/{ABSENT}{path}").expect(404, "user_not_found")
        admin.delete(f"/users/{ABSENT}{path}").expect(404, "user_not_found")
    admin.grant(ABSENT, "user").expect(404, "user_not_found")


def test_unlock_lets_the_person_in_at_once(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    stranger = client.at()
    while stranger.try_log_in(person.email, "a wrong one").status != 429:
        pass
    stranger.try_log_in(person.email).expect(429)
    admin.post(f"/users/{person.id}/unlock").expect(204)
    stranger.try_log_in(person.email).expect(200)
    assert len(records.events(app, "user.unlocked")) == 1


def test_password_reset_goes_to_the_stored_address(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up(email="Jane@example.com")
    admin.post(f"/users/{person.id}/password-reset").expect(202)
    assert [mail["to"] for mail in records.mails(app, "password_reset")] == ["Jane@example.com"]
    body = {"token": records.token(app, "password_reset"), "new_password": "chosen by Jane"}
    client.post("/auth/password-reset/confirm", body).expect(204)
    client.try_log_in("jane@example.com", "chosen by Jane").expect(200)
    for _ in range(8):
        admin.post(f"/users/{person.id}/password-reset").expect(202)
    assert len(records.mails(app, "password_reset")) == 5


def test_sessions_of_a_person(client: Api, admin: Person) -> None:
    person = client.sign_up()
    person.again()
    found = admin.get(f"/users/{person.id}/sessions").expect(200).json["sessions"]
    assert len(found) == 2
    assert not any(session["is_current"] for session in found)
    [own] = admin.get(f"/users/{admin.id}/sessions").expect(200).json["sessions"]
    assert own["is_current"]
    admin.delete(f"/users/{person.id}/sessions").expect(204)
    assert not person.is_in()
    assert admin.get(f"/users/{person.id}/sessions").json["sessions"] == []
    assert admin.is_in()


def test_r25_roles_are_in_force_with_the_next_request(
    app: Flask, client: Api, admin: Person
) -> None:
    person = client.sign_up()
    tag = person.get("/users/me").headers["ETag"]
    answer = admin.grant(person.id, "user", "admin").expect(200)
    assert answer.json["roles"] == ["admin", "user"]
    assert answer.headers["ETag"] == person.get("/users/me").headers["ETag"] != tag
    person.get("/users").expect(200)
    admin.grant(person.id, "user").expect(200)
    person.get("/users").expect(403)
    admin.grant(person.id, "user").expect(200)
    events = records.events(app, "roles.changed")
    assert [event.details for event in events] == [
        {"granted": ["admin"], "taken": []},
        {"granted": [], "taken": ["admin"]},
    ]
    assert len(records.mails(app, "roles_changed")) == 2
    answer = admin.grant(person.id, "user", "no-such", "neither").expect(422)
    assert list(answer.json["errors"]) == ["roles.1", "roles.2"]
    assert person.me()["roles"] == ["user"]


def test_roles_need_a_fresh_log_in(client: Api, admin: Person, clock: Clock) -> None:
    person = client.sign_up()
    clock.forward(minutes=11)
    admin.grant(person.id, "admin").expect(401, "insufficient_user_authentication")


def test_is_superuser_is_having_super_admin(client: Api, admin: Person) -> None:
    person = client.sign_up()
    assert (admin.me()["is_superuser"], person.me()["is_superuser"]) == (True, False)
    assert admin.grant(person.id, "super_admin").json["is_superuser"] is True


def test_nobody_grants_or_takes_what_they_do_not_hold(
    app: Flask, client: Api, admin: Person
) -> None:
    admin.post(
        "/roles",
        {"name": "assigner", "description": "x", "permissions": ["roles:assign", "users:read"]},
    ).expect(201)
    assigner = records.with_roles(app, client, "assigner")
    person = client.sign_up()
    assigner.grant(person.id, "user", "assigner").expect(200)
    assigner.grant(person.id, "admin").expect(403, "target_outranks")
    assigner.grant(assigner.id, "super_admin").expect(403, "target_outranks")
    assigner.grant(admin.id, "user").expect(403, "target_outranks")
    assert admin.me()["roles"] == ["super_admin"]


def test_the_last_super_admin_may_have_more_roles(admin: Person) -> None:
    """Only an act that takes the role is refused."""
    admin.grant(admin.id, "super_admin", "admin").expect(200)
    admin.grant(admin.id, "super_admin").expect(200)


def test_r77_the_last_super_admin_stays(client: Api, admin: Person) -> None:
    admin.grant(admin.id, "user").expect(409, "last_super_admin")
    admin.patch(f"/users/{admin.id}", {"is_active": False}).expect(409, "last_super_admin")
    admin.delete("/users/me").expect(409, "last_super_admin")
    admin.delete(f"/users/{admin.id}").expect(409, "last_super_admin")
    assert admin.me()["roles"] == ["super_admin"]
    other = client.sign_up()
    admin.grant(other.id, "super_admin").expect(200)
    admin.delete("/users/me").expect(204)
    other.delete("/users/me").expect(409, "last_super_admin")


def test_r77_the_command_line_keeps_the_last_one_too(app: Flask, admin: Person) -> None:
    command_line = {"actor": None, "origin": records.COMMAND_LINE}
    with app.app_context():
        with pytest.raises(users.LastSuperAdmin), db.unit():
            users.take(UUID(admin.id), "super_admin", **command_line)
        with pytest.raises(users.LastSuperAdmin), db.unit():
            users.delete(UUID(admin.id), **command_line)
        with pytest.raises(users.LastSuperAdmin):
            users.change(UUID(admin.id), {"is_active": False}, **command_line)


def demote(actor: Person, target: Person) -> Answer:
    """Take the target's role."""
    return actor.grant(target.id, "user")


def deactivate(actor: Person, target: Person) -> Answer:
    """Close the target's account."""
    return actor.patch(f"/users/{target.id}", {"is_active": False})


def delete(actor: Person, target: Person) -> Answer:
    """Delete the target's account."""
    return actor.delete(f"/users/{target.id}")


@pytest.mark.parametrize(
    ("first", "second"),
    [(demote, demote), (deactivate, deactivate), (delete, delete), (demote, delete)],
)
def test_c5_two_super_admins_who_act_upon_each_other_leave_one(
    app: Flask, client: Api, admin: Person, first: Act, second: Act
) -> None:
    remaining = admin
    for _ in range(4):
        one, two = (records.with_roles(app, client, "super_admin") for _ in range(2))
        demote(one, remaining).expect(200)
        answers = race.at_once([partial(first, one, two), partial(second, two, one)])
        assert race.statuses(answers).keys() <= {200, 204, 401, 403, 409}
        left = [p for p in (one, two) if p.is_in() and p.me()["is_superuser"]]
        assert left, [str(answer) for answer in answers]
        remaining = left[0]
