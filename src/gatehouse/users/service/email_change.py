"""Changing an address: it takes effect when the new one confirms, and the old one hears of it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import audit, guessing, one_time
from gatehouse.core.errors import Unprocessable
from gatehouse.core.principal import Origin, Principal
from gatehouse.core.text import fold
from gatehouse.infra import limits, mail
from gatehouse.settings import settings
from gatehouse.users import repository
from gatehouse.users.errors import EmailTaken
from gatehouse.users.models import users
from gatehouse.users.service import mails
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import MAILS_TO_PERSON, UserEvent


def admit(user_id: UUID, body: Mapping[str, Any], *, is_own: bool, origin: Origin) -> None:
    """Check what a request for another address costs, before any unit is open.

    One's own needs the current password, which is counted like a log-in (R39). More than five
    mails an hour are told as 429: whoever asks is logged in, so nothing is given away by it.
    """
    if is_own:
        password = body.get("current_password")
        if password is None:
            raise Unprocessable(
                errors={"current_password": ["Needed to change the e-mail address."]}
            )
        guessing.check_current_password(user_id, password, origin=origin)
    limits.hit(MAILS_TO_PERSON, str(user_id))


def refuse_taken(user_id: UUID, address: str) -> None:
    """Raise EmailTaken at once where the service tells which addresses it knows."""
    if settings.registration_enumeration == "tell":
        owner = repository.email_owner(fold(address))
        if owner is not None and owner.id != user_id:
            raise EmailTaken


def announce(row: Row[Any], address: str, *, actor: Principal | None, origin: Origin) -> None:
    """Send the link to the new address and word of it to the old one.

    `row` is the account before the change. In strict mode the owner of a taken address hears
    that it is known here, and the caller sees no difference.
    """
    if address == row.email:
        return
    owner = repository.email_owner(fold(address))
    if owner is None or owner.id == row.id:
        mails.queue_link(
            "email_change_confirm",
            one_time.Purpose.EMAIL_CHANGE,
            user_id=row.id,
            address=address,
            epoch=row.session_epoch,
        )
    else:
        mails.queue_account_exists(owner.id)
    mail.queue("email_change_notice", to=row.email, user_id=row.id, context={})
    record(UserEvent.EMAIL_CHANGE_REQUESTED, row.id, actor=actor, origin=origin)


def confirm_email_change(user_id: UUID, address: str, *, origin: Origin) -> None:
    """Make a confirmed address the account's own, in the unit that spent its token.

    Raises OneTimeTokenInvalid when the account waits for it no longer, and EmailTaken when
    somebody else confirmed it first (C11); the token is spent then as well.
    """
    row = repository.locked(user_id)
    if row is None or row.deleted_at is not None or row.pending_email != address:
        raise one_time.OneTimeTokenInvalid
    values = {
        "email": address,
        "email_folded": fold(address),
        "pending_email": None,
        "is_verified": True,
    }
    try:
        repository.change(user_id, values)
    except EmailTaken:
        repository.change(user_id, {"pending_email": None})
        raise
    # What was sent to the old address is dead (R66).
    one_time.revoke_all(user_id)
    audit.record(UserEvent.EMAIL_CHANGED, actor_id=user_id, subject_id=user_id, origin=origin)


def mark_verified(user_id: UUID, address: str) -> bool:
    """Note in the present unit that a person reads their address; tell whether that was news.

    Nothing is noted when the account has another address by now.
    """
    is_due = (users.c.email == address) & users.c.is_verified.is_(False)
    return repository.change(
        user_id, {"is_verified": True}, where=is_due & users.c.deleted_at.is_(None)
    )
