"""The base of every refusal: one class, one stable code, one status (RFC 9457).

A feature says the fact in the name of its own subclass (`EmailTaken`); `web.errors` turns it
into `application/problem+json`. The text of an error never holds a secret or driver text.

What a class says of itself is what people read about its code, at `/problems/<code>` and in
docs/errors: the first paragraph of the docstring is what it means, `remedy` what a client does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

FieldErrors = Mapping[str, Sequence[str]]
Members = Mapping[str, Any]


class Refusal(Exception):
    """The request cannot be read or processed as it was sent.

    The base of everything that the service will not do.
    `errors` maps the path of a member (`"email"`, `"roles.0"`) to its messages, `headers` are
    added to the answer, and `members` are extension members of the problem document.
    `example` shows those of this very class on the page of its code.
    A class with `keeps_writes = True` commits the unit of work that it leaves.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be processed"
    remedy: ClassVar[str] = "Correct the program."
    example: ClassVar[Members] = {}
    keeps_writes: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
        members: Members | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class Unprocessable(Refusal):
    """Members are missing, unknown, of a wrong type or impossible; `errors` says which."""

    status = 422
    code = "validation_failed"
    title = "The request is not valid"
    remedy = "Show `errors` beside the fields."
    example: ClassVar[Members] = {"errors": {"email": ["Not a valid email address."]}}


class Unauthenticated(Refusal):
    """No credential came with the request (RFC 6750, section 3)."""

    status = 401
    code = "unauthenticated"
    title = "Log in to do this"
    remedy = "Log in, and send the access token as `Authorization: Bearer …`."


class Forbidden(Refusal):
    """The caller is known and has not the right."""

    status = 403
    code = "forbidden"
    title = "You may not do this"
    remedy = "Hide the action."


class NotFound(Refusal):
    """There is nothing under this path that the caller may see."""

    status = 404
    code = "not_found"
    title = "Not found"
    remedy = "Correct the path."


class Conflict(Refusal):
    """The present state does not allow it."""

    status = 409
    code = "conflict"
    title = "The present state does not allow this"
    remedy = "Read anew, then decide."


class PreconditionFailed(Refusal):
    """`If-Match` names another version than the stored one (RFC 9110, section 13.1.1)."""

    status = 412
    code = "version_mismatch"
    title = "The resource was changed meanwhile"
    remedy = "Read anew, apply the change to what you have read, and try again with the new `ETag`."


class TooManyRequests(Refusal):
    """A limit holds for this address, person or session."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"
    remedy = "Wait for `Retry-After`; trying earlier gains nothing."

    def __init__(self, retry_after_seconds: float, detail: str | None = None) -> None:
        seconds = max(1, int(-(-retry_after_seconds // 1)))
        super().__init__(
            detail or f"Try again in {seconds} seconds.", headers={"Retry-After": str(seconds)}
        )


class Unavailable(Refusal):
    """Something the service needs does not answer now."""

    status = 503
    code = "unavailable"
    title = "The service cannot answer now"
    remedy = "Wait for `Retry-After`, then repeat what is safe to repeat."

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})
