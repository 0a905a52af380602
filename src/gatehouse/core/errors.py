"""The base of every refusal: one class, one stable code, one status (RFC 9457).

A feature says the fact in the name of its own subclass (`EmailTaken`); `web.errors` turns it
into `application/problem+json`. The text of an error never holds a secret or driver text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

FieldErrors = Mapping[str, Sequence[str]]


class Refusal(Exception):
    """Something the service will not do, told to the client.

    `errors` maps the path of a member (`"email"`, `"roles.0"`) to its messages, `headers` are
    added to the answer, and `members` are extension members of the problem document.
    A class with `keeps_writes = True` commits the unit of work that it leaves.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be processed"
    keeps_writes: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class Unprocessable(Refusal):
    """The members are well formed and say something that cannot be."""

    status = 422
    code = "validation_failed"
    title = "The request is not valid"


class Unauthenticated(Refusal):
    """No living credential came with the request (RFC 6750, section 3)."""

    status = 401
    code = "unauthenticated"
    title = "Log in to do this"


class Forbidden(Refusal):
    """The caller is known and has not the right."""

    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(Refusal):
    """There is nothing under this name that the caller may see."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(Refusal):
    """The present state does not allow it."""

    status = 409
    code = "conflict"
    title = "The present state does not allow this"


class PreconditionFailed(Refusal):
    """If-Match named another version than the stored one (RFC 9110, section 13.1.1)."""

    status = 412
    code = "version_mismatch"
    title = "The resource was changed meanwhile"


class TooManyRequests(Refusal):
    """A limit or a throttle holds; `Retry-After` says for how many seconds."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, retry_after_seconds: float, detail: str | None = None) -> None:
        seconds = max(1, int(-(-retry_after_seconds // 1)))
        super().__init__(
            detail or f"Try again in {seconds} seconds.", headers={"Retry-After": str(seconds)}
        )


class Unavailable(Refusal):
    """Something the service needs does not answer now; `Retry-After` says when to try again."""

    status = 503
    code = "unavailable"
    title = "The service cannot answer now"

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})
