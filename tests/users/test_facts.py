"""R112, R114: each act upon an account leaves one whole fact and the mail that it owes."""

from uuid import UUID

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.infra import db
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.facts import Facts, by
from tests.users import records

NEW_PASSWORD = "a quite different one"


def test_signing_up(app: Flask, client: Api) -> None:
    facts, email = Facts(app), new_email()
    made = client.post("/users", {"email": email, "password": PASSWORD}).expect(201).json
    origin = (client.address, client.agent)
    assert facts.events() == [("user.registered", made["id"], made["id"], *origin, None, {})]
    assert facts.mails() == [("verify_email", email, made["id"], {"one_time": "verify_email"})]

    client.post("/users", {"email": email.upper(), "password": PASSWORD}).expect(409)
    reason = {"reason": "email_taken"}
    assert facts.events() == [
        ("registration.refused", None, made["id"], *origin, None, reason),
    ]
    assert facts.mails() == []


def test_a_refused_username_names_nobody(app: Flask, client: Api) -> None:
    """Whose name it is, is no fact about the address that was typed."""
    name = new_username()
    client.sign_up(username=name)
    facts = Facts(app)
    body = {"email": new_email(), "password": PASSWORD, "username": name.upper()}
    client.post("/users", body).expect(409, "username_taken")
    [event] = facts.events()
    assert (event[0], event[2], event[6]) == (
        "registration.refused",
        None,
        {"reason": "username_taken"},
    )


@pytest.mark.settings(REGISTRATION="closed")
def test_a_closed_door(app: Flask, client: Api) -> None:
    facts = Facts(app)
    client.post("/users", {"email": new_email(), "password": PASSWORD}).expect(403)
    origin = (client.address, client.agent)
    reason = {"reason": "closed"}
    assert facts.events() == [("registration.refused", None, None, *origin, None, reason)]


def test_an_account_made_by_an_administrator(app: Flask, admin: Person) -> None:
    facts, email = Facts(app), new_email()
    body = {"email": email, "password": PASSWORD, "roles": ["user", "admin"]}
    made = admin.post("/users", body).expect(201).json
    assert facts.events() == [
        by(
            admin,
            "user.created",
            made["id"],
            roles=["admin", "user"],
            is_password_permanent=False,
        )
    ]
    assert sorted(facts.mails()) == [
        ("new_password_required", email, made["id"], {}),
        ("verify_email", email, made["id"], {"one_time": "verify_email"}),
    ]
    body = {"email": email, "password": PASSWORD}
    admin.post("/users", body).expect(409)
    assert facts.events() == [
        by(admin, "registration.refused", made["id"], reason="email_taken"),
    ]


def test_an_account_made_at_the_command_line(app: Flask) -> None:
    facts, email = Facts(app), new_email()
    body = {"email": email, "password": PASSWORD}
    with app.app_context():
        row = users.create(body, actor=None, origin=records.COMMAND_LINE, is_permanent=True)
    [event] = facts.events()
    assert event[:3] == ("user.created", None, str(row.id))
    assert event[6] == {"roles": ["user"], "is_password_permanent": True}
    assert [mail[0] for mail in facts.mails()] == ["verify_email"]
    assert row.created_by is None


def test_changes_are_named_and_what_they_hold_is_not(
    app: Flask, client: Api, admin: Person
) -> None:
    person = client.sign_up()
    facts = Facts(app)
    person.patch("/users/me", {"name": "Anna", "locale": "de"}).expect(200)
    assert facts.events() == [by(person, "user.changed", members=["locale", "name"])]

    path = f"/users/{person.id}"
    admin.patch(path, {"is_active": False, "username": new_username()}).expect(200)
    assert facts.events() == [
        by(admin, "user.changed", person.id, members=["username"]),
        by(admin, "user.deactivated", person.id),
    ]
    # Nothing has changed, so nothing has happened.
    admin.patch(path, {"is_active": False}).expect(200)
    assert facts.events() == []
    admin.patch(path, {"is_active": True}).expect(200)
    assert facts.events() == [by(admin, "user.activated", person.id)]
    assert facts.mails() == []


def test_a_change_of_address(app: Flask, client: Api) -> None:
    person, address = client.sign_up(), new_email()
    facts = Facts(app)
    body = {"email": address, "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    assert facts.events() == [by(person, "email.change_requested")]
    assert sorted(facts.mails()) == [
        ("email_change_confirm", address, person.id, {"one_time": "email_change"}),
        ("email_change_notice", person.email, person.id, {}),
    ]
    token = records.token(app, "email_change_confirm")
    person.post("/auth/verify-email", {"token": token}).expect(204)
    assert facts.events() == [by(person, "email.changed")]

    # To ask for the address that one has is to withdraw, and no news for anybody.
    body = {"email": address, "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    assert (facts.events(), facts.mails()) == ([], [])


def test_passwords(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    person.post("/users/me/password", body).expect(204)
    assert facts.events() == [by(person, "password.changed")]
    assert facts.mails() == [("password_changed", person.email, person.id, {})]

    for is_permanent in (True, False):
        with app.app_context():
            users.assign_password(
                UUID(person.id), PASSWORD, is_permanent=is_permanent, origin=records.COMMAND_LINE
            )
        [event] = facts.events()
        assert event[:3] == ("password.changed", None, person.id)
        assert event[6] == {"must_change": not is_permanent}
        template = "password_changed" if is_permanent else "new_password_required"
        assert facts.mails() == [(template, person.email, person.id, {})]


def test_roles(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    facts = Facts(app)
    admin.grant(person.id, "admin").expect(200)
    assert facts.events() == [
        by(admin, "roles.changed", person.id, granted=["admin"], taken=["user"]),
    ]
    context = {"roles": ["admin"]}
    assert facts.mails() == [("roles_changed", person.email, person.id, context)]
    admin.grant(person.id, "admin").expect(200)
    assert (facts.events(), facts.mails()) == ([], [])


def test_who_gave_a_role_is_kept(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    admin.grant(person.id, "user", "admin").expect(200)
    body = {"email": new_email(), "password": PASSWORD}
    made = admin.post("/users", body).expect(201).json
    table = db.metadata.tables["user_roles"]
    with app.app_context():
        rows = db.reader.rows(table.select().where(table.c.user_id != UUID(admin.id)))
    given = {(str(row.user_id), row.granted_by and str(row.granted_by)) for row in rows}
    assert given == {(person.id, None), (person.id, admin.id), (made["id"], admin.id)}


def test_what_administrators_do_for_people(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    facts, path = Facts(app), f"/users/{person.id}"
    admin.post(f"{path}/unlock").expect(204)
    assert facts.events() == [by(admin, "user.unlocked", person.id)]
    admin.post(f"{path}/password-reset").expect(202)
    assert facts.events() == [by(admin, "password.reset_requested", person.id)]
    mail = ("password_reset", person.email, person.id, {"one_time": "password_reset"})
    assert facts.mails() == [mail]
    admin.delete(f"{path}/sessions").expect(204)
    assert facts.events() == [by(admin, "session.all_ended", person.id)]
    admin.delete(path).expect(204)
    assert facts.events() == [by(admin, "user.deleted", person.id)]
    admin.post(f"{path}/restore").expect(200)
    assert facts.events() == [by(admin, "user.restored", person.id)]
    # Who is there already is not brought back.
    admin.post(f"{path}/restore").expect(200)
    assert (facts.events(), facts.mails()) == ([], [])


def test_what_a_restored_account_has_lost(app: Flask, client: Api, admin: Person) -> None:
    name = new_username()
    person = client.sign_up(username=name)
    person.delete("/users/me").expect(204)
    client.sign_up(username=name)
    facts = Facts(app)
    restored = admin.post(f"/users/{person.id}/restore").expect(200).json
    assert restored["username"] is None
    assert facts.events() == [by(admin, "user.restored", person.id, lost=["username"])]


def test_people_who_close_their_own_account(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    person.delete("/users/me").expect(204)
    assert facts.events() == [by(person, "user.deleted")]


def test_roles_at_the_command_line(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    with app.app_context():
        for act, expected in (
            (users.grant, {"granted": ["admin"], "taken": []}),
            (users.take, {"granted": [], "taken": ["admin"]}),
        ):
            with db.unit():
                act(UUID(person.id), "admin", actor=None, origin=records.COMMAND_LINE)
            [event] = facts.events()
            assert (event[0], event[1], event[2]) == ("roles.changed", None, person.id)
            assert event[6] == expected
    assert person.me()["roles"] == ["user"]
