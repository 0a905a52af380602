"""Mail about accounts: it goes to stored addresses only, and to nobody without end."""

from typing import Any
from uuid import UUID

from gatehouse import one_time
from gatehouse.infra import db, jobs, limits, mail
from gatehouse.infra.limits import RateLimited
from gatehouse.users import repository
from gatehouse.users.vocabulary import MAILS_TO_PERSON

ACCOUNT_EXISTS = "users.account_exists"


def queue_link(
    template: str,
    purpose: one_time.Purpose,
    *,
    user_id: UUID,
    address: str,
    epoch: int,
    is_first: bool = False,
) -> None:
    """Issue a token and queue the mail that carries it, in the present unit.

    It `is_first` for an account that is made in this unit. The queue holds the id of the token;
    the link is derived when the mail is sent.
    """
    token_id = one_time.issue(
        purpose, user_id=user_id, address=address, epoch=epoch, is_first=is_first
    )
    mail.queue(
        template,
        to=address,
        user_id=user_id,
        context={"one_time": {"id": str(token_id), "purpose": str(purpose)}},
    )


def may_send(user_id: UUID) -> bool:
    """Count a mail that others can cause; False when a person had enough of them this hour."""
    try:
        limits.hit(MAILS_TO_PERSON, str(user_id))
    except RateLimited:
        return False
    return True


def queue_account_exists(user_id: UUID) -> None:
    """Note in the present unit that somebody typed the address of this account as a new one."""
    jobs.enqueue(ACCOUNT_EXISTS, {"user_id": str(user_id)}, user_id=user_id)


def tell_owner(payload: dict[str, Any], _entry_id: UUID) -> None:
    """Tell an owner, at the address as it is stored, that somebody typed it.

    A job and no part of the request, which does no more work for a known address than for
    another one.
    """
    user_id = UUID(payload["user_id"])
    if not may_send(user_id):
        return
    with db.unit():
        # Locked: whoever erases the owner finds this mail, or leaves nobody to write to.
        owner = repository.locked(user_id)
        if owner is not None and owner.deleted_at is None:
            mail.queue("account_exists", to=owner.email, user_id=user_id, context={})
