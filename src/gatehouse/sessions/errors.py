"""What can be wrong with a refresh."""

from gatehouse.core.errors import NotFound, Unauthenticated

_CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is forged, expired or spent, or its session has ended."""

    code = "invalid_refresh_token"
    title = "The refresh token is not valid"
    remedy = "Drop both tokens and log in."

    def __init__(self) -> None:
        super().__init__("Log in again.", headers=_CHALLENGE)


class RefreshTokenReused(RefreshTokenInvalid):
    """A refresh token came a second time, so one of two holders is a thief: the session ends.

    The client is told no more than that the token is not valid (RFC 9700, section 4.14.2).
    """

    keeps_writes = True


class SessionNotFound(NotFound):
    """The caller has no such living session."""

    code = "session_not_found"
    remedy = "Read the list anew."
