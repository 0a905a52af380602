"""Rank: nobody acts upon an account that holds more than they do, and one super_admin remains.

What the access check learned when the request began may have changed, so everything is read
again in the unit of the act. `None` as the actor is the command line, which knows no rank.
"""

from uuid import UUID

from gatehouse import roles
from gatehouse.core.permissions import SUPER_ADMIN, Permission
from gatehouse.core.principal import Principal
from gatehouse.roles import TargetOutranks
from gatehouse.users import repository
from gatehouse.users.errors import LastSuperAdmin, UserNotFound
from gatehouse.web.denials import MissingPermission


def rights_of(actor: Principal) -> frozenset[str]:
    """Return the permissions that the actor's roles give at this moment."""
    return roles.permissions_of(actor.user_id) if repository.is_open(actor.user_id) else frozenset()


def require(actor: Principal | None, permission: Permission | None, *, target_id: UUID) -> None:
    """Raise unless the actor may act upon the target; None asks for no permission (one's own).

    Raises MissingPermission or TargetOutranks.
    """
    if actor is None or (permission is None and actor.user_id == target_id):
        return
    held = rights_of(actor)
    if permission is not None and not (permission in held and actor.may(permission)):
        raise MissingPermission(permission)
    if actor.user_id != target_id and not roles.permissions_of(target_id) <= held:
        raise TargetOutranks


def require_to_close(
    actor: Principal | None, permission: Permission | None, *, target_id: UUID
) -> None:
    """Do as `require`, for an act after which the target is no active super_admin any more.

    The row of the role is locked before anything is judged, so that two super_admins who act
    upon each other come one after the other. Raises LastSuperAdmin too.
    """
    is_at_stake = SUPER_ADMIN in roles.names_of(target_id)
    if is_at_stake:
        roles.lock_super_admins()
    require(actor, permission, target_id=target_id)
    if is_at_stake and not repository.has_other_super_admin(target_id):
        raise LastSuperAdmin


def require_to_read(actor: Principal | None, permission: Permission, *, target_id: UUID) -> None:
    """Do as `require` outside of any unit, by what the access check has just read.

    For what only reads, and before a limit of the target is spent. Raises UserNotFound,
    MissingPermission or TargetOutranks.
    """
    if actor is None:
        return
    held = repository.roles_held(target_id)
    if held is None:
        raise UserNotFound
    if not actor.may(permission):
        raise MissingPermission(permission)
    if actor.user_id != target_id and not actor.outranks_or_equals(roles.expand(held)):
        raise TargetOutranks
