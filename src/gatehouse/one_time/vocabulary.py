"""What a one-time token may be good for; it is good for nothing else."""

from datetime import timedelta
from enum import StrEnum

from gatehouse.core.errors import Refusal


class Purpose(StrEnum):
    """The one use of a token."""

    VERIFY_EMAIL = "verify_email"
    EMAIL_CHANGE = "email_change"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGE = "password_change"


LIFETIMES = {
    Purpose.VERIFY_EMAIL: timedelta(minutes=60),
    Purpose.EMAIL_CHANGE: timedelta(minutes=60),
    Purpose.PASSWORD_RESET: timedelta(minutes=60),
    Purpose.PASSWORD_CHANGE: timedelta(minutes=10),
}


class OneTimeTokenInvalid(Refusal):
    """The token of a mail is unknown, used, expired, replaced by a newer one, or not for this."""

    code = "one_time_token_invalid"
    title = "The token is not valid"
    remedy = "Offer to send a new mail."

    def __init__(self) -> None:
        super().__init__("Ask for a new one; only the newest works, once, for a short time.")
