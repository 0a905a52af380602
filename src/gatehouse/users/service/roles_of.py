"""The roles that a person has: nobody hands out, or takes, what they do not hold themselves."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import roles
from gatehouse.core.errors import Unprocessable
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import mail
from gatehouse.users import repository
from gatehouse.users.errors import RoleOutranks
from gatehouse.users.service import profile, rank
from gatehouse.users.service.ledger import id_of, record
from gatehouse.users.vocabulary import UserEvent


def replace(
    user_id: UUID,
    names: Sequence[str],
    *,
    actor: Principal | None,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> Row[Any]:
    """Give a person exactly these roles, in the present unit; in force with the next request.

    Raises Unprocessable for unknown names, RoleOutranks, TargetOutranks or LastSuperAdmin.
    """
    row = profile.living(user_id, expected_versions=expected_versions)
    before, wanted = frozenset(roles.names_of(user_id)), frozenset(names)
    granted, taken = wanted - before, before - wanted
    guard = rank.require_to_close if SUPER_ADMIN in taken and row.is_active else rank.require
    guard(actor, roles.RolePermission.ASSIGN, target_id=user_id)
    refuse_unknown(names)
    require_to_hand_out(actor, granted | taken)
    if granted or taken:
        for name in sorted(taken):
            roles.take(user_id, name)
        for name in sorted(granted):
            roles.grant(user_id, name, granted_by=id_of(actor))
        repository.change(user_id, {}, expected_versions=expected_versions)
        _tell(row, granted=granted, taken=taken, actor=actor, origin=origin)
    return repository.shown(user_id)


def grant(user_id: UUID, name: str, *, actor: Principal | None, origin: Origin) -> Row[Any]:
    """Give a person one role more, in the present unit."""
    profile.living(user_id, expected_versions=None)  # locked before their roles are read
    return replace(user_id, [*roles.names_of(user_id), name], actor=actor, origin=origin)


def take(user_id: UUID, name: str, *, actor: Principal | None, origin: Origin) -> Row[Any]:
    """Take one role from a person, in the present unit."""
    refuse_unknown([name])
    profile.living(user_id, expected_versions=None)
    remaining = [held for held in roles.names_of(user_id) if held != name]
    return replace(user_id, remaining, actor=actor, origin=origin)


def refuse_unknown(names: Sequence[str]) -> None:
    """Raise Unprocessable, by position, for names that no role has."""
    known = {role.name for role in roles.by_names(names)}
    errors = {
        f"roles.{index}": ["There is no such role."]
        for index, name in enumerate(names)
        if name not in known
    }
    if errors:
        raise Unprocessable(errors=errors)


def require_to_hand_out(actor: Principal | None, names: Collection[str]) -> None:
    """Raise RoleOutranks unless the actor holds every permission of all these roles."""
    if actor is not None and names:
        needed = roles.expand(roles.by_names(names))
        if not needed <= rank.rights_of(actor):
            raise RoleOutranks


def _tell(
    row: Row[Any],
    *,
    granted: frozenset[str],
    taken: frozenset[str],
    actor: Principal | None,
    origin: Origin,
) -> None:
    """Write the change to the ledger and to its owner (R114)."""
    changes = {"granted": sorted(granted), "taken": sorted(taken)}
    record(UserEvent.ROLES_CHANGED, row.id, actor=actor, origin=origin, details=changes)
    context = {"roles": list(roles.names_of(row.id))}
    mail.queue("roles_changed", to=row.email, user_id=row.id, context=context)
