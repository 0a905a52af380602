"""What a log-in can be refused for; unknown, wrong and inactive are one refusal (ASVS 6.3.8)."""

from typing import ClassVar

from gatehouse.core.errors import Forbidden, Members, Refusal, Unauthenticated, Unprocessable

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class InvalidCredentials(Unauthenticated):
    """Name or password is wrong, or the account is not active; which of them is not told."""

    code = "invalid_credentials"
    title = "Name or password is wrong"
    remedy = "Ask the person again."


class PasswordChangeRequired(Forbidden):
    """Somebody else set the password; the answer holds a token that is good for changing it."""

    code = "password_change_required"
    title = "Choose a password of your own first"
    remedy = "Ask for a new password and send both to `POST /api/v1/auth/password-reset/confirm`."
    example: ClassVar[Members] = {"password_change_token": "…"}

    def __init__(self, token: str) -> None:
        super().__init__(
            "Send the token with a new password to POST /api/v1/auth/password-reset/confirm.",
            members={"password_change_token": token},
        )


class ProofRequired(Unprocessable):
    """A verification needs the account's session or password, or a new password."""

    code = "proof_required"
    title = "The token alone is not enough"
    remedy = "Send the access token, `password` or `new_password` along."

    def __init__(self) -> None:
        super().__init__("Send the account's access token or `password`, or a `new_password`.")


class InvalidGrant(Refusal):
    """The credentials or the refresh token of a grant are not good (RFC 6749, section 5.2)."""

    code = "invalid_grant"
    title = "The credentials or the refresh token are not valid"
    remedy = "Log in again."

    def __init__(self, description: str) -> None:
        super().__init__(description, members={"error": self.code}, headers=NO_STORE)


class UnsupportedGrantType(Refusal):
    """The grant is neither `password` nor `refresh_token` (RFC 6749, section 5.2)."""

    code = "unsupported_grant_type"
    title = "Use grant_type=password or grant_type=refresh_token"
    remedy = "Correct the program."

    def __init__(self) -> None:
        super().__init__(members={"error": self.code}, headers=NO_STORE)
