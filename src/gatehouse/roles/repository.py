"""All SQL about roles themselves; `assignments` has who has which."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.infra import db
from gatehouse.roles.errors import RoleExists, RoleInUse
from gatehouse.roles.models import roles

_NAMED = (roles.c.name, roles.c.permissions, roles.c.id, roles.c.is_built_in)


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


def id_of(name: str) -> UUID | None:
    """Return the id of the role with this name."""
    found: UUID | None = db.replica.scalar(select(roles.c.id).where(roles.c.name == name))
    return found


def locked(role_id: UUID) -> Row[Any] | None:
    """Return a role, locked until the unit ends."""
    return db.session.execute(
        select(roles).where(roles.c.id == role_id).with_for_update()
    ).one_or_none()


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


def _naming(statement: Any) -> Any:
    try:
        with db.session.begin_nested():
            return db.session.execute(statement).one_or_none()
    except IntegrityError as error:
        if db.violated(error) != "uq_roles_name":
            raise
        raise RoleExists from None
