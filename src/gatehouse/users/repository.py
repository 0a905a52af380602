"""All SQL about accounts, as Core columns: no entity is made on any way through this feature."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from gatehouse import roles
from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.ids import parse_id
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.infra import db
from gatehouse.roles import Role, UserRole
from gatehouse.users.errors import EmailTaken, UsernameTaken
from gatehouse.users.models import users
from gatehouse.users.names import fold_login_name
from gatehouse.users.rendering import PUBLIC_COLUMNS

ROLE_NAMES = roles.names_column(users.c.id).label("role_names")
SHOWN = (*PUBLIC_COLUMNS, ROLE_NAMES)
_SHOWN_BY_ID = select(*SHOWN).where(users.c.id == db.parameter("id", db.Id()))
_KEPT = (users.c.password_hash, users.c.session_epoch, users.c.deleted_at)
_IS_LIVING: ColumnElement[bool] = users.c.deleted_at.is_(None)
_TAKEN = {"uq_users_email_folded": EmailTaken, "uq_users_username_folded": UsernameTaken}


def by_id(user_id: UUID) -> Row[Any] | None:
    """Return the shown columns of a living account."""
    return db.reader.row(select(*SHOWN).where(users.c.id == user_id, _IS_LIVING))


def by_login_name(name: str) -> Row[Any] | None:
    """Return columns and hash of the living account with this address or username."""
    folded = fold_login_name(name)
    column = users.c.email_folded if "@" in folded else users.c.username_folded
    return db.reader.row(
        select(*SHOWN, users.c.must_change_password, *_KEPT).where(column == folded, _IS_LIVING)
    )


def found(text: str) -> Row[Any] | None:
    """Return the account with this id, deleted or not, or the living one with this name."""
    user_id = parse_id(text)
    if user_id is None:
        return by_login_name(text)
    return db.reader.row(
        select(*SHOWN, users.c.must_change_password, *_KEPT).where(users.c.id == user_id)
    )


def roles_held(user_id: UUID) -> list[tuple[str, list[str]]] | None:
    """Return names and permissions of a living account's roles, read outside of any unit."""
    rows = db.reader.rows(
        select(Role.name, Role.permissions)
        .select_from(users)
        .outerjoin(UserRole, UserRole.user_id == users.c.id)
        .outerjoin(Role, Role.id == UserRole.role_id)
        .where(users.c.id == user_id, _IS_LIVING)
    )
    if not rows:
        return None
    return [(row.name, row.permissions) for row in rows if row.name is not None]


def email_owner(email_folded: str) -> Row[Any] | None:
    """Return the id of the living account with this folded address, in the unit."""
    statement = select(users.c.id).where(users.c.email_folded == email_folded, _IS_LIVING)
    owner: Row[Any] | None = _first(statement)
    return owner


def locked(user_id: UUID, *, is_to_go: bool = False) -> Row[Any] | None:
    """Return shown and kept columns of an account, deleted or not, locked until the unit ends.

    The lock is the one of an UPDATE that changes no key, so that rows which refer to the account
    can be written meanwhile, and two people who act upon each other do not wait in a circle.
    For an account that `is_to_go` it is the one of a DELETE.
    """
    statement = (
        select(*PUBLIC_COLUMNS, *_KEPT)
        .where(users.c.id == user_id)
        .with_for_update(key_share=not is_to_go, of=users)
    )
    row: Row[Any] | None = _first(statement)
    return row


def shown(user_id: UUID) -> Row[Any]:
    """Return the shown columns of an account as the present unit has made it."""
    return db.session.execute(_SHOWN_BY_ID, {"id": user_id}).one()


def is_open(user_id: UUID) -> bool:
    """Tell, in the unit, whether an account is active and not deleted."""
    statement = select(users.c.id).where(users.c.id == user_id, users.c.is_active, _IS_LIVING)
    return db.session.execute(statement).first() is not None


def has_other_super_admin(user_id: UUID) -> bool:
    """Tell, in the unit, whether anybody else is an active super_admin."""
    statement = (
        select(users.c.id)
        .where(users.c.id != user_id, users.c.is_active, _IS_LIVING)
        .where(roles.has_role(users.c.id, SUPER_ADMIN))
        .limit(1)
    )
    return db.session.execute(statement).first() is not None


def add(values: Mapping[str, Any]) -> bool:
    """Insert an account; False, and nothing done, where its address or its name is taken."""
    statement = db.upsert(users).on_conflict_do_nothing().returning(users.c.id)
    return db.session.execute(statement, dict(values)).one_or_none() is not None


def change(
    user_id: UUID,
    values: Mapping[str, Any],
    *,
    expected_versions: Collection[int] | None = None,
    where: ColumnElement[bool] = _IS_LIVING,
) -> bool:
    """Change the named columns only and raise the version; tell whether the account was there.

    Raises PreconditionFailed where another version is stored than the expected one, and
    EmailTaken or UsernameTaken, which a savepoint confines to this statement.
    """
    statement = (
        update(users)
        .where(users.c.id == user_id, where)
        .values(**values, version=users.c.version + 1, updated_at=clock.now())
        .returning(users.c.id)
    )
    if expected_versions is not None:
        statement = statement.where(users.c.version.in_(expected_versions))
    is_changed = _colliding(statement) is not None
    if not is_changed and expected_versions is not None:
        raise PreconditionFailed
    return is_changed


def set_columns(
    user_id: UUID, values: Mapping[str, Any], *, where: ColumnElement[bool] = _IS_LIVING
) -> int | None:
    """Change columns that the JSON does not show; return the account's epoch, None without one."""
    statement = (
        update(users)
        .where(users.c.id == user_id, where)
        .values(**values)
        .returning(users.c.session_epoch)
    )
    return db.session.execute(statement).scalar_one_or_none()


def deleted_before(moment: datetime, *, limit: int) -> list[UUID]:
    """Return the ids of accounts that were deleted before a moment, the longest deleted first."""
    longest_first = users.c.deleted_at, users.c.id
    statement = select(users.c.id).where(users.c.deleted_at < moment).order_by(*longest_first)
    return [row.id for row in db.reader.rows(statement.limit(limit))]


def remove(user_id: UUID) -> None:
    """Delete the row of an account, and by its foreign keys what belongs to it."""
    db.session.execute(delete(users).where(users.c.id == user_id))


def _first(statement: Any) -> Any:
    return db.session.execute(statement).one_or_none()


def _colliding(statement: Any) -> Any:
    try:
        with db.session.begin_nested():
            return _first(statement)
    except IntegrityError as error:
        taken = _TAKEN.get(db.violated(error))
        if taken is None:
            raise
        raise taken from None
