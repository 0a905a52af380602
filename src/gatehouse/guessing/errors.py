"""What a guess is told."""

from gatehouse.core.errors import Forbidden, TooManyRequests


class GuessingThrottled(TooManyRequests):
    """Too many guesses at one account, existing or not (NIST 800-63B, 3.2.2); opens by itself."""

    code = "too_many_attempts"
    title = "Too many attempts"


class WrongPassword(Forbidden):
    """The current password that was given is not the caller's."""

    code = "wrong_password"
    title = "The current password is wrong"
