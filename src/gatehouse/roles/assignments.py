"""All SQL about who has which role."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Dialect,
    Row,
    Select,
    String,
    TypeDecorator,
    column,
    delete,
    exists,
    func,
    literal,
    select,
    table,
    type_coerce,
)

from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.infra import db
from gatehouse.roles.models import roles, user_roles

# The users feature comes after this one and owns the table, so it is named here as SQL knows it.
_ACCOUNTS = table(
    "users",
    column("id", db.Id()),
    column("is_active", Boolean()),
    column("deleted_at", db.UtcDateTime()),
)


class _Names(TypeDecorator[tuple[str, ...]]):
    """Names as one text, which a role's name can hold no blank of."""

    impl = String
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return what makes names of the text, for each row of a list."""
        return _names


@lru_cache(maxsize=1024)
def _names(text: str | None) -> tuple[str, ...]:
    """Return the names in order; nobody's are empty, and many have the same."""
    return tuple(sorted(text.split())) if text else ()


def names_column(user_id: ColumnElement[UUID]) -> ColumnElement[tuple[str, ...]]:
    """Return a column with the names of a person's roles, sorted, for any query over people."""
    names = (
        select(func.aggregate_strings(roles.c.name, " "))
        .join(user_roles, user_roles.c.role_id == roles.c.id)
        .where(user_roles.c.user_id == user_id)
        .scalar_subquery()
    )
    return type_coerce(names, _Names())


def has_role(user_id: ColumnElement[UUID], name: str) -> ColumnElement[bool]:
    """Return the condition that a person has the role with this name."""
    # The role is found first and once, not joined person by person.
    role_id = select(roles.c.id).where(roles.c.name == name).scalar_subquery()
    return exists().where(user_roles.c.user_id == user_id, user_roles.c.role_id == role_id)


def held_by(user_id: UUID) -> Sequence[Row[Any]]:
    """Return name and permissions of a person's roles as the present unit sees them."""
    return db.session.execute(_held_by(user_id)).all()


def held_by_open(user_id: UUID) -> Sequence[Row[Any]]:
    """Return the same, and nothing for an account that was closed meanwhile."""
    statement = (
        _held_by(user_id)
        .join(_ACCOUNTS, _ACCOUNTS.c.id == user_roles.c.user_id)
        .where(_ACCOUNTS.c.is_active, _ACCOUNTS.c.deleted_at.is_(None))
    )
    return db.session.execute(statement).all()


def granted_to(user_id: UUID) -> Sequence[Row[Any]]:
    """Return the names of a person's roles, and when each was granted; outside of any unit."""
    statement = (
        select(roles.c.name, user_roles.c.granted_at)
        .join(user_roles, user_roles.c.role_id == roles.c.id)
        .where(user_roles.c.user_id == user_id)
        .order_by(roles.c.name)
    )
    return db.reader.rows(statement)


def lock_super_admins() -> None:
    """Let one unit at a time decide who is super_admin.

    SQLite has one writer at a time anyway. The lock leaves foreign keys to the row alone.
    """
    db.session.execute(
        select(roles.c.id).where(roles.c.name == SUPER_ADMIN).with_for_update(key_share=True)
    )


def is_held(role_id: UUID) -> bool:
    """Tell, in the unit, whether anybody has a role."""
    holder = select(user_roles.c.user_id).where(user_roles.c.role_id == role_id).limit(1)
    return db.session.execute(holder).first() is not None


def grant(user_id: UUID, name: str, *, granted_by: UUID | None, at: datetime) -> bool:
    """Give a person a role; tell whether they did not have it."""
    source = select(
        literal(user_id, db.Id()),
        roles.c.id,
        literal(at, db.UtcDateTime()),
        literal(granted_by, db.Id()),
    ).where(roles.c.name == name)
    statement = (
        db.upsert(user_roles)
        .from_select(["user_id", "role_id", "granted_at", "granted_by"], source)
        .on_conflict_do_nothing()
        .returning(user_roles.c.role_id)
    )
    return db.session.execute(statement).first() is not None


def take(user_id: UUID, name: str) -> bool:
    """Take a role from a person; tell whether they had it."""
    role_id = select(roles.c.id).where(roles.c.name == name).scalar_subquery()
    statement = (
        delete(user_roles)
        .where(user_roles.c.user_id == user_id, user_roles.c.role_id == role_id)
        .returning(user_roles.c.role_id)
    )
    return db.session.execute(statement).first() is not None


def _held_by(user_id: UUID) -> Select[Any]:
    return (
        select(roles.c.name, roles.c.permissions)
        .join(user_roles, user_roles.c.role_id == roles.c.id)
        .where(user_roles.c.user_id == user_id)
        .order_by(roles.c.name)
    )
