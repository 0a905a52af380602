"""What other features and the command line use of this one."""

from uuid import UUID

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.core.errors import Unprocessable
from gatehouse.infra import db
from tests.support.api import Api
from tests.users import records

HERE = {"actor": None, "origin": records.COMMAND_LINE}


def test_an_account_is_found_by_id_address_and_name(app: Flask, client: Api) -> None:
    person = client.sign_up(username="Jane-Doe")
    with app.app_context():
        for text in (person.id, person.email.upper(), "JANE-doe"):
            row = users.found(text)
            assert row is not None
            assert str(row.id) == person.id
        for text in ("nobody", "nobody@example.com", "", "@", "x" * 5000, str(UUID(int=0))):
            assert users.found(text) is None


@pytest.mark.parametrize("is_permanent", [True, False])
def test_a_password_from_the_command_line(app: Flask, client: Api, is_permanent: bool) -> None:
    person = client.sign_up()
    with app.app_context():
        users.assign_password(
            UUID(person.id),
            "given by somebody",
            is_permanent=is_permanent,
            origin=records.COMMAND_LINE,
        )
    assert not person.is_in()
    answer = client.try_log_in(person.email, "given by somebody")
    if is_permanent:
        answer.expect(200)
    else:
        answer.expect(403, "password_change_required")
    [event] = records.events(app, "password.changed")
    assert event.details == {"must_change": not is_permanent}
    with app.app_context(), pytest.raises(Unprocessable):
        users.assign_password(
            UUID(person.id), person.email, is_permanent=True, origin=records.COMMAND_LINE
        )


def test_the_command_line_knows_no_rank(app: Flask, client: Api) -> None:
    person = records.with_roles(app, client, "super_admin")
    other = records.with_roles(app, client, "super_admin")
    with app.app_context():
        users.change(UUID(person.id), {"is_active": False}, **HERE)
        users.change(UUID(person.id), {"is_active": True}, **HERE)
        with db.unit():
            users.take(UUID(person.id), "super_admin", **HERE)
        with db.unit():
            users.unlock(UUID(person.id), **HERE)
        with db.unit():
            users.delete(UUID(person.id), **HERE)
        with db.unit():
            users.restore(UUID(person.id), **HERE)
    client.log_in(person.email)
    assert other.is_in()
