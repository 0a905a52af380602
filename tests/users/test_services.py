"""Rules of the services that no request shows by itself: races, and what stays untouched."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.ids import new_id
from gatehouse.infra import db
from gatehouse.one_time import OneTimeTokenInvalid
from gatehouse.users import repository
from gatehouse.users.errors import EmailTaken, UsernameTaken, UserNotFound
from gatehouse.users.service import deletion, profile
from tests.support import stored
from tests.support.api import PASSWORD, Api, new_email, new_username
from tests.users.records import COMMAND_LINE, rows

HERE = {"actor": None, "origin": COMMAND_LINE}


def test_a_hash_that_was_replaced_meanwhile_stays(app: Flask, client: Api) -> None:
    """R41: the re-hash of a log-in never brings an old password back, and ends no session."""
    person, other = client.sign_up(), client.sign_up()
    before, bystander = stored.account(app, person.id), stored.account(app, other.id)
    with app.app_context(), db.unit():
        old, new = {"verified_hash": "not this one"}, {"new_hash": "stronger"}
        assert users.rehash(UUID(person.id), **old, **new) is False
    assert stored.account(app, person.id) == before
    with app.app_context(), db.unit():
        old = {"verified_hash": before["password_hash"]}
        assert users.rehash(UUID(person.id), **old, **new) is True
    assert stored.account(app, person.id) == before | {"password_hash": "stronger"}
    assert stored.account(app, other.id) == bystander
    assert person.is_in()


def test_another_password_ends_everything_that_was_before(app: Flask, client: Api) -> None:
    person = client.sign_up()
    body = {"email": new_email(), "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    before = stored.account(app, person.id)
    with app.app_context(), db.unit():
        users.set_password(UUID(person.id), password_hash="new", origin=COMMAND_LINE)
    after = stored.account(app, person.id)
    assert after["password_hash"] == "new"
    assert after["session_epoch"] == before["session_epoch"] + 1
    assert after["version"] == before["version"] + 1
    assert (before["pending_email"], after["pending_email"]) == (body["email"], None)
    assert after["password_changed_at"] > before["password_changed_at"]
    assert after["updated_at"] >= after["password_changed_at"]
    assert after["must_change_password"] is False


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_r46_strict_mode_takes_no_username(app: Flask, client: Api) -> None:
    """A name that is free or taken afterwards would tell whether the account was made."""
    name, email = new_username(), new_email()
    body = {"email": email, "username": name, "password": PASSWORD}
    assert "id" not in client.post("/users", body).expect(202).json
    with app.app_context():
        row = users.by_login_name(email)
        assert row is not None
        assert row.username is None
        assert users.by_login_name(name) is None
    assert stored.account(app, str(row.id))["username_folded"] is None
    # Word to the owner is personal data of theirs, which an erasure has to find.
    client.post("/users", body).expect(202)
    kind = "users.account_exists"
    [waiting] = [entry for entry in rows(app, "outbox") if entry.kind == kind]
    assert waiting.user_id == row.id


def test_what_is_found_tells_whether_it_is_deleted(app: Flask, client: Api) -> None:
    person = client.sign_up(username=new_username())
    with app.app_context():
        for text in (person.id, person.email, person.me()["username"]):
            row = users.found(text)
            assert row is not None
            assert row.deleted_at is None
            assert row.must_change_password is False
    person.delete("/users/me").expect(204)
    with app.app_context():
        row = users.found(person.id)
        assert row is not None
        assert row.deleted_at is not None
        # Its names are free, so they are nobody's.
        assert users.found(person.email) is None
        assert users.by_id(UUID(person.id)) is None


def test_a_deletion_ends_and_frees_and_a_restoration_revives_nothing(
    app: Flask, client: Api
) -> None:
    person = client.sign_up()
    body = {"email": new_email(), "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    before = stored.account(app, person.id)
    with app.app_context(), db.unit():
        users.delete(UUID(person.id), **HERE)
    deleted = stored.account(app, person.id)
    assert deleted["session_epoch"] == before["session_epoch"] + 1
    assert deleted["pending_email"] is None
    assert deleted["version"] == before["version"] + 1
    with app.app_context(), db.unit():
        users.restore(UUID(person.id), **HERE)
    restored = stored.account(app, person.id)
    assert restored["session_epoch"] == before["session_epoch"] + 2
    assert restored["deleted_at"] is None
    assert not person.is_in()
    assert client.log_in(person.email).is_in()


def test_versions_decide_about_deletion_and_restoration(app: Flask, client: Api) -> None:
    """If-Match of DELETE and of restore (C6)."""
    person = client.sign_up()
    version = stored.account(app, person.id)["version"]
    user_id = UUID(person.id)
    with app.app_context():
        with pytest.raises(PreconditionFailed), db.unit():
            deletion.delete(user_id, expected_versions={version + 1}, **HERE)
        with db.unit():
            deletion.delete(user_id, expected_versions={version}, **HERE)
        with pytest.raises(PreconditionFailed), db.unit():
            deletion.restore(user_id, expected_versions={version}, **HERE)
        with db.unit():
            deletion.restore(user_id, expected_versions={version + 1}, **HERE)
        for act in (deletion.delete, deletion.restore):
            with pytest.raises(UserNotFound), db.unit():
                act(new_id(), **HERE)


def test_a_change_is_refused_whole(app: Flask, client: Api) -> None:
    """A name that is taken leaves the other members as they were."""
    taken = client.sign_up(username=new_username())
    person = client.sign_up(name="Before")
    before = stored.account(app, person.id)
    with app.app_context():
        for values, refusal in (
            ({"username_folded": taken.me()["username"]}, UsernameTaken),
            ({"email_folded": taken.email}, EmailTaken),
        ):
            with pytest.raises(refusal), db.unit():
                repository.change(UUID(person.id), {"name": "After", **values})
    assert stored.account(app, person.id) == before


def test_a_change_raises_version_and_time(app: Flask, client: Api) -> None:
    person = client.sign_up()
    before = stored.account(app, person.id)
    with app.app_context(), db.unit():
        assert repository.change(UUID(person.id), {"locale": "de"}) is True
        assert repository.change(new_id(), {"locale": "de"}) is False
    after = stored.account(app, person.id)
    assert after["updated_at"] > before["updated_at"]
    same = {"updated_at": after["updated_at"]}
    assert after == before | same | {"locale": "de", "version": before["version"] + 1}


def test_an_empty_change_is_none(app: Flask, client: Api) -> None:
    person = client.sign_up()
    before = stored.account(app, person.id)
    with app.app_context():
        row = profile.change(UUID(person.id), {}, **HERE)
    assert str(row.id) == person.id
    assert stored.account(app, person.id) == before


def test_an_account_begins_like_this(app: Flask, client: Api) -> None:
    name = new_username().upper()
    person = client.sign_up(username=name, name="Anna Lind", locale="de")
    row = stored.account(app, person.id)
    assert (row["email"], row["email_folded"]) == (person.email, person.email)
    assert (row["username"], row["username_folded"]) == (name, name.lower())
    assert (row["name"], row["locale"]) == ("Anna Lind", "de")
    assert (row["is_active"], row["is_verified"]) == (True, False)
    assert (row["session_epoch"], row["version"]) == (1, 1)
    assert row["created_at"] == row["updated_at"] == row["password_changed_at"]
    assert (row["must_change_password"], row["created_by"]) == (False, None)
    assert (row["pending_email"], row["deleted_at"]) == (None, None)


def test_names_that_are_emptied_are_none(app: Flask, client: Api) -> None:
    person = client.sign_up(name="Anna", locale="de")
    person.patch("/users/me", {"name": ""}).expect(200)
    assert person.me()["name"] is None
    assert person.me()["locale"] == "de"


def test_only_the_address_that_was_confirmed_is_verified(app: Flask, client: Api) -> None:
    person = client.sign_up()
    user_id = UUID(person.id)
    with app.app_context(), db.unit():
        assert users.mark_verified(user_id, new_email()) is False
        assert users.mark_verified(new_id(), person.email) is False
    assert person.me()["is_verified"] is False
    with app.app_context(), db.unit():
        assert users.mark_verified(user_id, person.email) is True
        assert users.mark_verified(user_id, person.email) is False
    assert person.me()["is_verified"] is True


def test_an_address_is_confirmed_only_while_it_is_awaited(app: Flask, client: Api) -> None:
    person, address = client.sign_up(), new_email()
    body = {"email": address, "current_password": PASSWORD}
    person.patch("/users/me", body).expect(200)
    before = stored.account(app, person.id)
    for user_id, confirmed in ((person.id, new_email()), (str(new_id()), address)):
        with app.app_context(), pytest.raises(OneTimeTokenInvalid), db.unit():
            users.confirm_email_change(UUID(user_id), confirmed, origin=COMMAND_LINE)
    stored.alter(app, person.id, deleted_at=datetime.now(UTC))
    with app.app_context(), pytest.raises(OneTimeTokenInvalid), db.unit():
        users.confirm_email_change(UUID(person.id), address, origin=COMMAND_LINE)
    stored.alter(app, person.id, deleted_at=None)
    assert stored.account(app, person.id) == before
    with app.app_context(), db.unit():
        users.confirm_email_change(UUID(person.id), address, origin=COMMAND_LINE)
    after = stored.account(app, person.id)
    assert (after["email"], after["email_folded"], after["pending_email"]) == (
        address,
        address,
        None,
    )
    assert after["is_verified"] is True


def test_nobody_is_given_a_password_who_is_not_there(app: Flask, client: Api) -> None:
    person = client.sign_up()
    person.delete("/users/me").expect(204)
    with app.app_context():
        for user_id in (new_id(), UUID(person.id)):
            with pytest.raises(UserNotFound):
                users.assign_password(
                    user_id, "given by somebody", is_permanent=True, origin=COMMAND_LINE
                )
            with pytest.raises(UserNotFound), db.unit():
                users.set_password(user_id, password_hash="new", origin=COMMAND_LINE)
