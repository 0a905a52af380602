"""What a lock answers to those whom it does not let in (RFC 6750, section 3)."""

from datetime import timedelta

from gatehouse.core.errors import Forbidden, Unauthenticated

FRESH_FOR = timedelta(minutes=10)


class InvalidToken(Unauthenticated):
    """A credential was sent and is not, or no longer, good (RFC 6750, section 3.1)."""

    code = "invalid_token"
    title = "The token is not valid"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class MissingPermission(Forbidden):
    """The caller holds no role with the permission (RFC 6750, section 3.1)."""

    code = "insufficient_scope"

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"This needs the permission {permission}.",
            headers={
                "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{permission}"'
            },
        )


class StepUpRequired(Unauthenticated):
    """The log-in is too old for this; POST /auth/reauthenticate renews it (RFC 9470)."""

    code = "insufficient_user_authentication"
    title = "Confirm that it is you"

    def __init__(self) -> None:
        seconds = int(FRESH_FOR.total_seconds())
        challenge = f'Bearer error="{self.code}", max_age="{seconds}"'
        super().__init__(
            f"This needs a log-in or a step-up within the last {seconds} seconds.",
            headers={"WWW-Authenticate": challenge},
        )


class ApiKeyNotAllowed(Forbidden):
    """The door opens for people only, not for their API keys."""

    code = "api_key_not_allowed"
