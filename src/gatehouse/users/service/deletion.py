"""Deleting an account so that it can come back, and bringing it back."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import one_time, sessions
from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.principal import Origin, Principal
from gatehouse.settings import settings
from gatehouse.users import repository
from gatehouse.users.errors import RetentionOver, UsernameTaken, UserNotFound
from gatehouse.users.models import users
from gatehouse.users.service import profile, rank
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import UserEvent, UserPermission


def delete(
    user_id: UUID,
    *,
    actor: Principal | None,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> None:
    """Delete an account softly, in the present unit: its sessions end and its names are free."""
    is_own = actor is not None and actor.user_id == user_id
    profile.living(user_id, expected_versions=expected_versions)
    rank.require_to_close(actor, None if is_own else UserPermission.DELETE, target_id=user_id)
    values = {
        "deleted_at": clock.now(),
        "session_epoch": users.c.session_epoch + 1,
        "pending_email": None,
    }
    repository.change(user_id, values, expected_versions=expected_versions)
    sessions.revoke_all(user_id)
    one_time.revoke_all(user_id)
    record(UserEvent.DELETED, user_id, actor=actor, origin=origin)


def restore(
    user_id: UUID,
    *,
    actor: Principal | None,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> Row[Any]:
    """Bring a deleted account back, in the present unit; a living one stays as it is.

    Its sessions stay ended. Raises RetentionOver, or EmailTaken when the address went to
    somebody else; a username that did is left to them, and the account comes back without one.
    """
    row = repository.locked(user_id)
    if row is None:
        raise UserNotFound
    rank.require(actor, UserPermission.DELETE, target_id=user_id)
    if expected_versions is not None and row.version not in expected_versions:
        raise PreconditionFailed
    if row.deleted_at is None:
        return repository.shown(user_id)
    if clock.now() - row.deleted_at > timedelta(days=settings.retention_days):
        raise RetentionOver
    values: dict[str, Any] = {
        "deleted_at": None,
        "session_epoch": users.c.session_epoch + 1,
    }
    is_deleted = users.c.deleted_at.is_not(None)
    lost: list[str] = []
    try:
        repository.change(user_id, values, where=is_deleted)
    except UsernameTaken:
        lost.append("username")
        values |= {"username": None, "username_folded": None}
        repository.change(user_id, values, where=is_deleted)
    details = {"lost": lost} if lost else None
    record(UserEvent.RESTORED, user_id, actor=actor, origin=origin, details=details)
    return repository.shown(user_id)
