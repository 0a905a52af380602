"""Forgotten passwords: a request that tells nothing, and a token that ends everything older.

The request does the same single write for every address. Whether the address is somebody's is
found out later, by the job that sends the mail (ASVS 6.3.8, CVE-2024-45231).
"""

from typing import Any
from uuid import UUID

from gatehouse import audit, guessing, one_time, users
from gatehouse.auth import repository
from gatehouse.auth.vocabulary import AuthEvent
from gatehouse.core.principal import Origin
from gatehouse.infra import db, hashing, jobs
from gatehouse.one_time import OneTimeTokenInvalid, Purpose

RESET_JOB = "auth.password_reset"
RESET_PURPOSES = (Purpose.PASSWORD_RESET, Purpose.PASSWORD_CHANGE)


def request_reset(email: str, *, origin: Origin) -> None:
    """Note that somebody asked for a reset of this address, in the caller's unit."""
    jobs.enqueue(
        RESET_JOB,
        {
            "email": email,
            "address": origin.address,
            "user_agent": origin.user_agent,
            "request_id": origin.request_id,
        },
    )


def send_reset(payload: dict[str, Any], _entry_id: UUID) -> None:
    """Mail a reset link if the address is an open account's and its mails are not used up."""
    account = repository.by_email(payload["email"])
    if account is None or not users.may_send(account.id):
        return
    origin = Origin(payload["address"], payload["user_agent"], payload["request_id"])
    with db.unit():
        users.queue_link(
            "password_reset",
            Purpose.PASSWORD_RESET,
            user_id=account.id,
            address=account.email,
            epoch=account.session_epoch,
        )
        audit.record(
            AuthEvent.PASSWORD_RESET_REQUESTED,
            actor_id=None,
            subject_id=account.id,
            origin=origin,
        )


def forget(user_id: UUID) -> None:
    """Drop requests for mail that name the person's address alone, in the present unit."""
    email = repository.email_of(user_id)
    if email is not None:
        jobs.forget_naming(email, member="email")


def confirm_reset(token: str, new_password: str, *, origin: Origin) -> None:
    """Set a new password by a reset token; raises OneTimeTokenInvalid or a password's refusal.

    Ends every session, clears the guessing counter and the known places, keeps the second factor.
    Gives no session.
    """
    grant = one_time.peek(token, purposes=RESET_PURPOSES)
    password_hash = hash_for(grant.user_id, new_password)
    with db.unit():
        grant = one_time.consume(token, purposes=RESET_PURPOSES)
        replace_password(grant.user_id, password_hash, origin=origin)
        if grant.address is not None:
            users.mark_verified(grant.user_id, grant.address)


def hash_for(user_id: UUID, new_password: str) -> str:
    """Return the hash of a password that this person may have; raises Unprocessable if not."""
    person = users.by_id(user_id)
    if person is None:
        raise OneTimeTokenInvalid
    users.check_password(new_password, person._asdict(), field="new_password")
    return hashing.hash_password(new_password)


def replace_password(user_id: UUID, password_hash: str, *, origin: Origin) -> None:
    """Set a password in the caller's unit and end everything that was there before it."""
    users.set_password(user_id, password_hash=password_hash, actor_id=user_id, origin=origin)
    guessing.forget(user_id)
    guessing.remember_place(user_id, origin=origin)
