"""What a guess is told."""

from gatehouse.core.errors import Forbidden, TooManyRequests


class GuessingThrottled(TooManyRequests):
    """Too many guesses at one account, existing or not; it opens by itself (NIST SP 800-63B)."""

    code = "too_many_attempts"
    title = "Too many attempts"
    remedy = "Wait for `Retry-After`, and say so to the person."


class WrongPassword(Forbidden):
    """The current password that was given is not the account's."""

    code = "wrong_password"
    title = "The current password is wrong"
    remedy = "Ask the person again."
