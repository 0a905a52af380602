"""Rank, asked directly: who may act upon whom, by what the database holds at that moment."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Principal
from gatehouse.infra import db
from gatehouse.roles import TargetOutranks
from gatehouse.users import UserPermission
from gatehouse.users.errors import LastSuperAdmin, UserNotFound
from gatehouse.users.service import rank
from gatehouse.web.denials import MissingPermission
from tests.support import stored
from tests.support.api import Api, Person
from tests.users.records import COMMAND_LINE, with_roles

UPDATE, DELETE = UserPermission.UPDATE, UserPermission.DELETE


def principal(person: Person, *permissions: str) -> Principal:
    """Return a person as an access check knew them, with these permissions."""
    return Principal(
        user_id=UUID(person.id),
        session_id=None,
        roles=frozenset(),
        permissions=frozenset(permissions),
        auth_time=datetime.now(UTC),
        amr=("pwd",),
        user={},
    )


@pytest.fixture
def unit(app: Flask) -> Iterator[None]:
    """Let the test act in a unit of work."""
    with app.app_context(), db.unit():
        yield


@pytest.fixture
def plain(app: Flask, client: Api) -> Person:
    """Return an administrator who is no super_admin."""
    return with_roles(app, client, "admin")


@pytest.fixture
def person(client: Api) -> Person:
    """Return somebody without any rights."""
    return client.at().sign_up()


class TestActing:
    """What `require` asks in the unit of the act."""

    def test_the_command_line_knows_no_rank(self, admin: Person, unit: None) -> None:
        rank.require(None, UPDATE, target_id=UUID(admin.id))
        rank.require_to_read(None, UPDATE, target_id=new_id())

    def test_ones_own_account_needs_nothing(self, person: Person, unit: None) -> None:
        rank.require(principal(person), None, target_id=UUID(person.id))

    def test_but_that_of_another_needs_rank(
        self, plain: Person, person: Person, unit: None
    ) -> None:
        rank.require(principal(plain), None, target_id=UUID(person.id))
        with pytest.raises(TargetOutranks):
            rank.require(principal(person), None, target_id=UUID(plain.id))

    def test_the_permission_counts_now_and_at_the_door(
        self, plain: Person, person: Person, unit: None
    ) -> None:
        """A role that was taken meanwhile, and a key with fewer rights than its owner."""
        target = UUID(person.id)
        rank.require(principal(plain, UPDATE), UPDATE, target_id=target)
        with pytest.raises(MissingPermission, match="users:update"):
            rank.require(principal(plain), UPDATE, target_id=target)
        with pytest.raises(MissingPermission):
            rank.require(principal(person, UPDATE), UPDATE, target_id=target)

    def test_nobody_reaches_up(self, plain: Person, admin: Person, unit: None) -> None:
        with pytest.raises(TargetOutranks):
            rank.require(principal(plain, UPDATE), UPDATE, target_id=UUID(admin.id))
        rank.require(principal(admin, UPDATE), UPDATE, target_id=UUID(plain.id))
        # Like may act upon like, and upon themselves.
        rank.require(principal(plain, UPDATE), UPDATE, target_id=UUID(plain.id))

    def test_who_was_shut_out_meanwhile_has_no_rights(self, app: Flask, plain: Person) -> None:
        stored.alter(app, plain.id, is_active=False)
        with app.app_context(), db.unit():
            assert rank.rights_of(principal(plain, UPDATE)) == frozenset()
        stored.alter(app, plain.id, is_active=True)
        with app.app_context(), db.unit():
            assert rank.rights_of(principal(plain)) >= {UPDATE, DELETE}


class TestClosing:
    """What `require_to_close` asks before an act that could leave nobody in charge."""

    def test_the_last_super_admin_stays(self, admin: Person, unit: None) -> None:
        with pytest.raises(LastSuperAdmin):
            rank.require_to_close(None, DELETE, target_id=UUID(admin.id))

    @pytest.mark.parametrize("state", [{"is_active": False}, {"deleted_at": datetime.now(UTC)}])
    def test_whoever_cannot_log_in_is_no_other(
        self, app: Flask, client: Api, admin: Person, state: dict[str, object]
    ) -> None:
        other = with_roles(app, client, "super_admin")
        with app.app_context(), db.unit():
            rank.require_to_close(None, DELETE, target_id=UUID(admin.id))
        stored.alter(app, other.id, **state)
        with app.app_context(), db.unit(), pytest.raises(LastSuperAdmin):
            rank.require_to_close(None, DELETE, target_id=UUID(admin.id))

    def test_rank_is_asked_first(self, admin: Person, plain: Person, unit: None) -> None:
        """Whoever may not act at all does not learn who is the last one."""
        with pytest.raises(TargetOutranks):
            rank.require_to_close(principal(plain, DELETE), DELETE, target_id=UUID(admin.id))

    def test_anybody_else_may_go(self, admin: Person, person: Person, unit: None) -> None:
        rank.require_to_close(principal(admin, DELETE), DELETE, target_id=UUID(person.id))


class TestReading:
    """What `require_to_read` asks outside of any unit."""

    def test_by_permission_and_rank(self, app: Flask, admin: Person, plain: Person) -> None:
        everything = rank_of(app, admin)
        with app.app_context():
            rank.require_to_read(everything, UPDATE, target_id=UUID(plain.id))
            with pytest.raises(MissingPermission, match="users:update"):
                rank.require_to_read(principal(plain), UPDATE, target_id=UUID(plain.id))
            with pytest.raises(TargetOutranks):
                rank.require_to_read(principal(plain, UPDATE), UPDATE, target_id=UUID(admin.id))
            # One's own, even with a key of fewer rights.
            rank.require_to_read(principal(plain, UPDATE), UPDATE, target_id=UUID(plain.id))

    def test_nobody_is_there(self, app: Flask, admin: Person, person: Person) -> None:
        stored.alter(app, person.id, deleted_at=datetime.now(UTC))
        with app.app_context():
            for target in (new_id(), UUID(person.id)):
                with pytest.raises(UserNotFound):
                    rank.require_to_read(principal(admin, UPDATE), UPDATE, target_id=target)

    def test_a_person_without_any_role_is_there(self, app: Flask, person: Person) -> None:
        with app.app_context():
            with db.unit():
                users.take(UUID(person.id), "user", actor=None, origin=COMMAND_LINE)
            rank.require_to_read(principal(person, UPDATE), UPDATE, target_id=UUID(person.id))


def rank_of(app: Flask, person: Person) -> Principal:
    """Return a person with what their roles give them."""
    with app.app_context(), db.unit():
        return principal(person, *rank.rights_of(principal(person)))
