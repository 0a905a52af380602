"""Which picture is a person's: the account names it, and somebody else keeps it."""

from uuid import UUID

from gatehouse.core.principal import Origin, Principal
from gatehouse.users import repository
from gatehouse.users.service import profile
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import UserEvent


def hold(user_id: UUID) -> str | None:
    """Lock a living account until the present unit ends and return the name of its picture.

    Raises UserNotFound.
    """
    avatar: str | None = profile.living(user_id, expected_versions=None).avatar
    return avatar


def set_avatar(
    user_id: UUID, avatar: str | None, *, actor: Principal | None, origin: Origin
) -> str | None:
    """Name another picture, or none, in the present unit; return the one before if it changed.

    Raises UserNotFound.
    """
    before = hold(user_id)
    if before == avatar:
        return None
    repository.change(user_id, {"avatar": avatar})
    details = {"members": ["avatar"]}
    record(UserEvent.CHANGED, user_id, actor=actor, origin=origin, details=details)
    return before


def avatar_of(user_id: UUID) -> str | None:
    """Return the name of an account's picture, deleted or not, in the present unit."""
    row = repository.locked(user_id, is_to_go=True)
    return None if row is None else row.avatar
