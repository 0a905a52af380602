"""Verifying an address and recovering a password; every request answers alike for all addresses."""

from typing import Any

from gatehouse.auth import recovery, verification
from gatehouse.auth.errors import ProofRequired
from gatehouse.auth.routes import GUESSING, blueprint
from gatehouse.auth.schemas import EmailIn, ResetConfirmIn, VerifyIn
from gatehouse.auth.vocabulary import CONFIRMATIONS, MAIL_REQUESTS
from gatehouse.guessing import WrongPassword
from gatehouse.infra import limits
from gatehouse.infra.hashing import HashQueueFull
from gatehouse.one_time import OneTimeTokenInvalid, Purpose
from gatehouse.users import Accepted, EmailTaken
from gatehouse.web import access
from gatehouse.web.denials import InvalidToken
from gatehouse.web.transaction import in_unit

ACCEPTED = {"status": "accepted", "detail": "If the address is an account's, a mail is sent."}


@blueprint.post("/verify-email")
@limits.by_address(CONFIRMATIONS)
@access.one_time(Purpose.VERIFY_EMAIL)
@blueprint.arguments(VerifyIn, allow_surrogates=True)
@blueprint.refuses(*GUESSING, OneTimeTokenInvalid, ProofRequired, WrongPassword, EmailTaken)
@blueprint.refuses(InvalidToken)
@blueprint.response(204, description="The address is confirmed.")
def verify_email(body: dict[str, Any]) -> None:
    """Confirm an e-mail address.

    Takes the token of the mail with one proof of the account: its access token, its `password`, or
    a `new_password`, which ends every session and replaces the old password. Confirms a changed
    address as well.
    """
    verification.verify(
        body["token"],
        password=body.get("password"),
        new_password=body.get("new_password"),
        caller=access.caller(),
        origin=access.origin(),
    )


@blueprint.post("/verify-email/resend")
@limits.by_address(MAIL_REQUESTS)
@access.public
@blueprint.arguments(EmailIn)
@in_unit
@blueprint.response(202, Accepted, description="A mail is sent, or not.")
def resend_verification(body: dict[str, Any]) -> dict[str, str]:
    """Send the verification mail again.

    Answers 202 for every address; a mail goes to an unverified account's, five an hour at most.
    """
    verification.request_resend(body["email"])
    return ACCEPTED


@blueprint.post("/password-reset")
@limits.by_address(MAIL_REQUESTS)
@access.public
@blueprint.arguments(EmailIn)
@in_unit
@blueprint.response(202, Accepted, description="A mail is sent, or not.")
def request_password_reset(body: dict[str, Any]) -> dict[str, str]:
    """Ask for a password reset mail.

    Answers 202 for every address; a mail goes to an active account's, five an hour at most.
    """
    recovery.request_reset(body["email"], origin=access.origin())
    return ACCEPTED


@blueprint.post("/password-reset/confirm")
@limits.by_address(CONFIRMATIONS)
@access.one_time(Purpose.PASSWORD_RESET)
@blueprint.arguments(ResetConfirmIn)
@blueprint.refuses(HashQueueFull, OneTimeTokenInvalid)
@blueprint.response(204, description="The password is set.")
def confirm_password_reset(body: dict[str, Any]) -> None:
    """Set a new password by a reset token.

    Ends every session of the account. Also takes the token of `password_change_required`.
    """
    recovery.confirm_reset(body["token"], body["new_password"], origin=access.origin())
