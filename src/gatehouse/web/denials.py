"""What a lock answers to those whom it does not let in (RFC 6750, section 3)."""

from datetime import timedelta

from gatehouse.core.errors import Forbidden, Unauthenticated

FRESH_FOR = timedelta(minutes=10)


class InvalidToken(Unauthenticated):
    """The access token is forged or expired, or its session has ended (RFC 6750, section 3.1)."""

    code = "invalid_token"
    title = "The token is not valid"
    remedy = "Refresh once; if that fails, log in."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class MissingPermission(Forbidden):
    """The caller holds no role with the permission (RFC 6750, section 3.1)."""

    code = "insufficient_scope"
    remedy = "Hide the action; `WWW-Authenticate` names the permission."

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"This needs the permission {permission}.",
            headers={
                "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{permission}"'
            },
        )


class StepUpRequired(Unauthenticated):
    """The log-in is older than ten minutes, and this act wants a fresh one (RFC 9470)."""

    code = "insufficient_user_authentication"
    title = "Confirm that it is you"
    remedy = "Ask for the password, send it to `POST /api/v1/auth/reauthenticate`, and try again."

    def __init__(self) -> None:
        seconds = int(FRESH_FOR.total_seconds())
        challenge = f'Bearer error="{self.code}", max_age="{seconds}"'
        super().__init__(
            f"This needs a log-in or a step-up within the last {seconds} seconds.",
            headers={"WWW-Authenticate": challenge},
        )


class ApiKeyNotAllowed(Forbidden):
    """The door opens for people who have logged in, not for their API keys."""

    code = "api_key_not_allowed"
    remedy = "Log in."
