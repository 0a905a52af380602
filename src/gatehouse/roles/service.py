"""The rules of roles: nobody shapes one that holds more than they do; who has which.

Except for `by_id` and `everything`, all functions run in the caller's unit of work.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import audit
from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.principal import Origin, Principal
from gatehouse.roles import assignments, repository
from gatehouse.roles.errors import (
    BuiltInRole,
    RoleInUse,
    RoleNotFound,
    TargetOutranks,
    UnknownPermission,
)
from gatehouse.roles.rights import catalogue, expand
from gatehouse.roles.vocabulary import BUILT_IN, RoleEvent, RolePermission
from gatehouse.web.denials import MissingPermission

_DESCRIBED = ("name", "description", "permissions")


def by_id(role_id: UUID) -> Row[Any]:
    """Return a role; raises RoleNotFound."""
    row = repository.by_id(role_id)
    if row is None:
        raise RoleNotFound
    return row


def everything() -> list[dict[str, Any]]:
    """Return all roles as members of `RoleOut`, by name."""
    return [shown(row) for row in repository.every()]


def shown(row: Row[Any]) -> dict[str, Any]:
    """Return the members of `RoleOut`, with all that the role holds at this moment."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "permissions": sorted(expand([(row.name, row.permissions)])),
        "is_built_in": row.is_built_in,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def create(values: Mapping[str, Any], *, actor: Principal, origin: Origin) -> Row[Any]:
    """Add a role; raises UnknownPermission, MissingPermission, TargetOutranks or RoleExists."""
    permissions = _known(values["permissions"])
    _require_rank(actor, [permissions])
    row = repository.add({**values, "permissions": permissions})
    _record(RoleEvent.CREATED, row, actor=actor, origin=origin, permissions=permissions)
    return row


def change(
    role_id: UUID,
    values: Mapping[str, Any],
    *,
    actor: Principal,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> Row[Any]:
    """Change the given members of a role; people who have it feel it with their next request.

    Raises RoleNotFound, PreconditionFailed, BuiltInRole, UnknownPermission, MissingPermission,
    TargetOutranks, RoleExists, or RoleInUse for another name while somebody has it: the name is a
    member of their account, whose version would not change with it.
    """
    row = _changeable(role_id, expected_versions=expected_versions)
    wanted = dict(values)
    if "permissions" in wanted:
        wanted["permissions"] = _known(wanted["permissions"], kept=row.permissions)
    _require_rank(actor, [row.permissions, wanted.get("permissions", [])])
    before = {name: getattr(row, name) for name in _DESCRIBED if name in wanted}
    changes = {name: wanted[name] for name in before if wanted[name] != before[name]}
    if not changes:
        return row
    if "name" in changes and assignments.is_held(role_id):
        raise RoleInUse
    changed = repository.change(role_id, changes, version=row.version)
    before = {name: before[name] for name in changes}
    _record(RoleEvent.CHANGED, changed, actor=actor, origin=origin, before=before, after=changes)
    return changed


def delete(
    role_id: UUID,
    *,
    actor: Principal,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> None:
    """Delete a role that nobody has; raises as `change` does, and RoleInUse."""
    row = _changeable(role_id, expected_versions=expected_versions)
    _require_rank(actor, [row.permissions])
    repository.remove(role_id)
    _record(RoleEvent.DELETED, row, actor=actor, origin=origin, permissions=row.permissions)


def by_names(names: Collection[str]) -> Sequence[Row[Any]]:
    """Return name, permissions, id and is_built_in of those of the named roles that exist.

    They neither change nor go before the unit ends.
    """
    return repository.named(names)


def names_of(user_id: UUID) -> list[str]:
    """Return the names of a person's roles, sorted."""
    return [row.name for row in assignments.held_by(user_id)]


def permissions_of(user_id: UUID) -> frozenset[str]:
    """Return what a person's roles hold at this moment."""
    return expand(assignments.held_by(user_id))


def grant(user_id: UUID, name: str, *, granted_by: UUID | None) -> bool:
    """Give a person a role; tell whether they did not have it. The caller judges the rank."""
    return assignments.grant(user_id, name, granted_by=granted_by, at=clock.now())


def take(user_id: UUID, name: str) -> bool:
    """Take a role from a person; tell whether they had it. The caller judges the rank."""
    return assignments.take(user_id, name)


def ensure_built_in() -> None:
    """Bring the built-in roles to their present form; does nothing when they have it."""
    for name, (description, permissions) in BUILT_IN.items():
        repository.put_built_in(name, description, permissions)


def _changeable(role_id: UUID, *, expected_versions: Collection[int] | None) -> Row[Any]:
    row = repository.locked(role_id)
    if row is None:
        raise RoleNotFound
    if expected_versions is not None and row.version not in expected_versions:
        raise PreconditionFailed
    if row.is_built_in:
        raise BuiltInRole
    return row


def _known(permissions: Sequence[str], *, kept: Collection[str] = ()) -> list[str]:
    """Return permissions sorted and once; raises UnknownPermission by position.

    `kept` are those of the role so far, which a feature that is switched off may have named.
    """
    known = catalogue().union(kept)
    errors = {
        f"permissions.{index}": ["There is no such permission."]
        for index, name in enumerate(permissions)
        if name not in known
    }
    if errors:
        raise UnknownPermission(errors=errors)
    return sorted(set(permissions))


def _require_rank(actor: Principal, permissions: Sequence[Collection[str]]) -> None:
    """Raise unless the actor holds all these at this moment, and the right to shape roles.

    What the access check learned when the request began may have been taken meanwhile.
    """
    held = expand(assignments.held_by_open(actor.user_id)) & actor.permissions
    if RolePermission.WRITE not in held:
        raise MissingPermission(RolePermission.WRITE)
    if not catalogue() & set().union(*permissions) <= held:
        raise TargetOutranks


def _record(
    event: RoleEvent, row: Row[Any], *, actor: Principal, origin: Origin, **details: Any
) -> None:
    audit.record(
        event,
        actor_id=actor.user_id,
        subject_id=None,
        origin=origin,
        target=str(row.id),
        details={"name": row.name, **details},
    )


def export(user_id: UUID) -> dict[str, Any]:
    """Return the roles of a person, and since when they have them."""
    return {"roles": [dict(row._mapping) for row in assignments.granted_to(user_id)]}
