"""Proving an e-mail address: the token of the mail, and that one may use the account.

The token alone is not enough: an account that a stranger opened with my address falls to me only
with a new password, which ends everything that the stranger had (account pre-hijacking).
"""

from typing import Any
from uuid import UUID

from gatehouse import audit, guessing, one_time, users
from gatehouse.auth import recovery, repository
from gatehouse.auth.errors import ProofRequired
from gatehouse.auth.vocabulary import AuthEvent
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import db, jobs
from gatehouse.one_time import Grant, Purpose

RESEND_JOB = "auth.verify_email"
PURPOSES = (Purpose.VERIFY_EMAIL, Purpose.EMAIL_CHANGE)


def verify(
    token: str,
    *,
    password: str | None,
    new_password: str | None,
    caller: Principal | None,
    origin: Origin,
) -> None:
    """Confirm an address with its token and a proof of the account.

    Raises OneTimeTokenInvalid, ProofRequired, WrongPassword, a password's refusal, and EmailTaken
    when a changed address became somebody else's meanwhile.
    """
    grant = one_time.peek(token, purposes=PURPOSES)
    password_hash = None
    if new_password is not None:
        password_hash = recovery.hash_for(grant.user_id, new_password)
    elif password is not None:
        _check_password(grant.user_id, password, origin=origin)
    elif caller is None or caller.user_id != grant.user_id:
        raise ProofRequired
    with db.unit():
        grant = one_time.consume(token, purposes=PURPOSES)
        _confirm(grant, origin=origin)
        if password_hash is not None:
            recovery.replace_password(grant.user_id, password_hash, origin=origin)


def request_resend(email: str) -> None:
    """Note that somebody asked for another verification mail, in the caller's unit."""
    jobs.enqueue(RESEND_JOB, {"email": email})


def resend(payload: dict[str, Any], _entry_id: UUID) -> None:
    """Mail a new link if the address is an open account's that is not verified yet."""
    account = repository.by_email(payload["email"])
    if account is None or account.is_verified or not users.may_send(account.id):
        return
    with db.unit():
        users.queue_link(
            "verify_email",
            Purpose.VERIFY_EMAIL,
            user_id=account.id,
            address=account.email,
            epoch=account.session_epoch,
        )


def _check_password(user_id: UUID, password: str, *, origin: Origin) -> None:
    try:
        guessing.check_current_password(user_id, password, origin=origin)
    except guessing.WrongPassword:
        # Nobody is logged in here, so no door notes the denial.
        with db.unit():
            audit.record(
                AuthEvent.EMAIL_VERIFICATION_FAILED,
                actor_id=None,
                subject_id=user_id,
                origin=origin,
            )
        raise


def _confirm(grant: Grant, *, origin: Origin) -> None:
    assert grant.address is not None
    if grant.purpose is Purpose.EMAIL_CHANGE:
        users.confirm_email_change(grant.user_id, grant.address, origin=origin)
        return
    users.mark_verified(grant.user_id, grant.address)
    audit.record(
        AuthEvent.EMAIL_VERIFIED,
        actor_id=grant.user_id,
        subject_id=grant.user_id,
        origin=origin,
    )
