"""What administrators do for people: unlock, send a reset, look at sessions and end them."""

from typing import Any
from uuid import UUID

from gatehouse import guessing, one_time, sessions
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import db
from gatehouse.users import repository
from gatehouse.users.models import users
from gatehouse.users.service import mails, profile, rank
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import UserEvent, UserPermission


def unlock(user_id: UUID, *, actor: Principal | None, origin: Origin) -> None:
    """Forget the wrong guesses at an account, in the present unit."""
    _admit(user_id, actor)
    guessing.clear(user_id)
    record(UserEvent.UNLOCKED, user_id, actor=actor, origin=origin)


def send_password_reset(user_id: UUID, *, actor: Principal | None, origin: Origin) -> None:
    """Mail a link for a new password to the stored address.

    A person who had too many mails this hour gets none, and an older link stays good.
    """
    rank.require_to_read(actor, UserPermission.UPDATE, target_id=user_id)
    if not mails.may_send(user_id):
        return
    with db.unit():
        row = _admit(user_id, actor)
        mails.queue_link(
            "password_reset",
            one_time.Purpose.PASSWORD_RESET,
            user_id=user_id,
            address=row.email,
            epoch=row.session_epoch,
        )
        record(UserEvent.PASSWORD_RESET_REQUESTED, user_id, actor=actor, origin=origin)


def sessions_of(user_id: UUID, *, actor: Principal) -> list[dict[str, Any]]:
    """Return the living sessions of a person whom the actor may administer."""
    rank.require_to_read(actor, UserPermission.UPDATE, target_id=user_id)
    return sessions.list_of(user_id, current_id=actor.session_id)


def end_sessions_of(user_id: UUID, *, actor: Principal | None, origin: Origin) -> None:
    """End every session of a person at once, access tokens included, in the present unit."""
    _admit(user_id, actor)
    raise_epoch(user_id)
    record(sessions.SessionEvent.ALL_ENDED, user_id, actor=actor, origin=origin)


def raise_epoch(user_id: UUID, *, keep_session_id: UUID | None = None) -> int | None:
    """End every session of a person but one, in the present unit; return the new epoch.

    Links that were mailed before die with it, so no change of address waits any longer.
    """
    values = {
        "session_epoch": users.c.session_epoch + 1,
        "pending_email": None,
        "version": users.c.version + 1,
    }
    epoch = repository.set_columns(user_id, values)
    sessions.revoke_all(user_id, except_id=keep_session_id)
    if keep_session_id is not None and epoch is not None:
        sessions.carry_along(keep_session_id, epoch)
    return epoch


def _admit(user_id: UUID, actor: Principal | None) -> Any:
    row = profile.living(user_id, expected_versions=None)
    rank.require(actor, UserPermission.UPDATE, target_id=user_id)
    return row
