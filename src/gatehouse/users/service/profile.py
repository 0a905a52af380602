"""Changing an account: by its owner, an administrator or the command line."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import sessions
from gatehouse.core.errors import PreconditionFailed, Unprocessable
from gatehouse.core.principal import Origin, Principal
from gatehouse.core.text import fold
from gatehouse.infra import db
from gatehouse.users import repository
from gatehouse.users.errors import UserNotFound
from gatehouse.users.models import users
from gatehouse.users.service import email_change, rank
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import UserEvent, UserPermission


def show(user_id: UUID) -> Row[Any]:
    """Return a living account, read outside of any unit; raises UserNotFound."""
    row = repository.by_id(user_id)
    if row is None:
        raise UserNotFound
    return row


def change(
    user_id: UUID,
    body: Mapping[str, Any],
    *,
    actor: Principal | None,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> Row[Any]:
    """Change the members that `body` names and return the account; opens its units itself.

    Only those columns are written, so that of two changes to different members both last.
    One's own e-mail needs `current_password`; `is_active` always needs `users:update`.
    """
    is_own = actor is not None and actor.user_id == user_id
    _refuse_privileged(body, actor)
    changes = {name: value for name, value in body.items() if name != "current_password"}
    if "email" in changes:
        if not is_own:
            rank.require_to_read(actor, UserPermission.UPDATE, target_id=user_id)
        email_change.admit(user_id, body, is_own=is_own, origin=origin)
    permission = None if is_own and "is_active" not in changes else UserPermission.UPDATE
    with db.unit():
        row = living(user_id, expected_versions=expected_versions)
        guard = rank.require_to_close if changes.get("is_active") is False else rank.require
        guard(actor, permission, target_id=user_id)
        if not changes:
            return repository.shown(user_id)
        values = _values(changes, row)
        if "email" in changes:
            email_change.refuse_taken(user_id, changes["email"])
        repository.change(user_id, values, expected_versions=expected_versions)
        _tell(row, changes, actor=actor, origin=origin)
        if "email" in changes:
            email_change.announce(row, changes["email"], actor=actor, origin=origin)
        return repository.shown(user_id)


def living(user_id: UUID, *, expected_versions: Collection[int] | None) -> Row[Any]:
    """Return the locked row of a living account; raises UserNotFound or PreconditionFailed."""
    row = repository.locked(user_id)
    if row is None or row.deleted_at is not None:
        raise UserNotFound
    if expected_versions is not None and row.version not in expected_versions:
        raise PreconditionFailed
    return row


def _refuse_privileged(body: Mapping[str, Any], actor: Principal | None) -> None:
    """Raise Unprocessable where somebody without `users:update` names `is_active`."""
    if "is_active" in body and actor is not None and not actor.may(UserPermission.UPDATE):
        raise Unprocessable(errors={"is_active": ["Only administrators set this."]})


def _values(changes: Mapping[str, Any], row: Row[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {n: changes[n] for n in ("locale", "is_active") if n in changes}
    if "name" in changes:
        values["name"] = changes["name"] or None
    if "username" in changes:
        values["username"] = changes["username"]
        values["username_folded"] = fold(changes["username"])
    if "email" in changes:
        is_present = changes["email"] == row.email
        values["pending_email"] = None if is_present else changes["email"]
    if changes.get("is_active") is False and row.is_active:
        values |= {"session_epoch": users.c.session_epoch + 1, "pending_email": None}
    return values


def _tell(
    row: Row[Any], changes: Mapping[str, Any], *, actor: Principal | None, origin: Origin
) -> None:
    """Write what happened to the ledger: the names of members, never what they hold."""
    named = sorted(set(changes) - {"email", "is_active"})
    if named:
        details = {"members": named}
        record(UserEvent.CHANGED, row.id, actor=actor, origin=origin, details=details)
    if "is_active" in changes and changes["is_active"] != row.is_active:
        if row.is_active:
            sessions.revoke_all(row.id)
        event = UserEvent.DEACTIVATED if row.is_active else UserEvent.ACTIVATED
        record(event, row.id, actor=actor, origin=origin)
