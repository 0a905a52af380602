"""All SQL about roles and who has them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
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
    insert,
    literal,
    select,
    table,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError

from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.infra import db
from gatehouse.roles.errors import RoleExists, RoleInUse
from gatehouse.roles.models import roles, user_roles

_HELD = (roles.c.name, roles.c.permissions)
_NAMED = (*_HELD, roles.c.id, roles.c.is_built_in)

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

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[str, ...]:
        """Return the names in order; nobody's are empty."""
        return tuple(sorted((value or "").split()))


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


def named(names: Collection[str]) -> Sequence[Row[Any]]:
    """Return name, permissions, id and is_built_in of the roles with these names.

    Until the unit ends nobody changes or deletes one, while others may assign it. Built-in roles
    never change, and stay unlocked so that `lock_super_admins` waits for nobody in a circle.
    """
    statement = select(*_NAMED).where(roles.c.name.in_(names))
    own = statement.where(~roles.c.is_built_in).with_for_update(read=True)
    found = [
        *db.session.execute(statement.where(roles.c.is_built_in)),
        *db.session.execute(own.order_by(roles.c.name)),
    ]
    return sorted(found, key=lambda row: str(row.name))


def all_roles() -> Select[Any]:
    """Return the query of all roles."""
    return select(roles)


def every() -> Sequence[Row[Any]]:
    """Return all roles by name."""
    return db.reader.rows(all_roles().order_by(roles.c.name))


def count() -> int:
    """Return how many roles there are."""
    return int(db.replica.scalar(select(func.count()).select_from(roles)))


def by_id(role_id: UUID) -> Row[Any] | None:
    """Return a role."""
    return db.reader.row(select(roles).where(roles.c.id == role_id))


def locked(role_id: UUID) -> Row[Any] | None:
    """Return a role, locked until the unit ends."""
    return db.session.execute(
        select(roles).where(roles.c.id == role_id).with_for_update()
    ).one_or_none()


def lock_super_admins() -> None:
    """Let one unit at a time decide who is super_admin.

    SQLite has one writer at a time anyway. The lock leaves foreign keys to the row alone.
    """
    db.session.execute(
        select(roles.c.id).where(roles.c.name == SUPER_ADMIN).with_for_update(key_share=True)
    )


def add(values: Mapping[str, Any]) -> Row[Any]:
    """Insert a role in a savepoint; raises RoleExists."""
    row: Row[Any] = _naming(insert(roles).values(**values).returning(*roles.c))
    return row


def change(role_id: UUID, values: Mapping[str, Any], *, version: int) -> Row[Any]:
    """Change the named columns of a role that has `version`; raises RoleExists."""
    changed: Row[Any] | None = _naming(
        update(roles)
        .where(roles.c.id == role_id, roles.c.version == version)
        .values(**values, version=version + 1, updated_at=clock.now())
        .returning(*roles.c)
    )
    if changed is None:
        raise PreconditionFailed
    return changed


def remove(role_id: UUID) -> None:
    """Delete a role in a savepoint; raises RoleInUse."""
    try:
        with db.session.begin_nested():
            db.session.execute(delete(roles).where(roles.c.id == role_id))
    except IntegrityError:
        # The only reference to a role is that somebody has it.
        raise RoleInUse from None


def put_built_in(name: str, description: str, permissions: Sequence[str]) -> None:
    """Insert a built-in role, or bring it to its present form."""
    values = {"description": description, "permissions": list(permissions), "is_built_in": True}
    row = db.session.execute(
        select(roles.c.id, roles.c.description, roles.c.permissions, roles.c.is_built_in).where(
            roles.c.name == name
        )
    ).one_or_none()
    if row is None:
        statement = db.upsert(roles).values(name=name, **values)
        db.session.execute(statement.on_conflict_do_nothing(index_elements=[roles.c.name]))
    elif row[1:] != tuple(values.values()):
        db.session.execute(
            update(roles)
            .where(roles.c.id == row.id)
            .values(**values, version=roles.c.version + 1, updated_at=clock.now())
        )


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


def _naming(statement: Any) -> Any:
    try:
        with db.session.begin_nested():
            return db.session.execute(statement).one_or_none()
    except IntegrityError as error:
        if db.violated(error) != "uq_roles_name":
            raise
        raise RoleExists from None


def _held_by(user_id: UUID) -> Select[Any]:
    return (
        select(*_HELD)
        .join(user_roles, user_roles.c.role_id == roles.c.id)
        .where(user_roles.c.user_id == user_id)
        .order_by(roles.c.name)
    )
