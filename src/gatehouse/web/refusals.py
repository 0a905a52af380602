"""What the edge refuses by itself, before any feature is asked, and what its framework refuses."""

from collections.abc import Mapping
from typing import Any, ClassVar

from gatehouse.core.errors import Conflict, Forbidden, Refusal, Unavailable, Unprocessable


class MalformedJson(Refusal):
    """The body is not JSON (RFC 8259), or is nested too deep, or names a member twice."""

    status = 400
    code = "malformed_json"
    title = "The body is not valid JSON"
    remedy = "Correct the program."


class BrokenBody(Refusal):
    """The body ended early, or its framing is wrong; the server closes the connection."""

    status = 400
    code = "broken_body"
    title = "The body could not be read"
    remedy = "Send it again, on a new connection."


class UntrustedHost(Refusal):
    """The `Host` header names none of `TRUSTED_HOSTS`."""

    status = 400
    code = "untrusted_host"
    title = "This service does not answer for that host"
    remedy = "Use the public address of the service."


class NotAcceptable(Refusal):
    """The `Accept` header rules out JSON (RFC 9110, section 12.5.1)."""

    status = 406
    code = "not_acceptable"
    title = "The answer exists as application/json only"
    remedy = "Ask for `application/json`."


class BodyTooLarge(Refusal):
    """The body is longer than `MAX_BODY_BYTES`."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"
    remedy = "Send less."


class UnsupportedMediaType(Refusal):
    """The body is of a type, or in an encoding, that the route does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "The body is of another media type than expected"
    remedy = "Send the type that the `Accept` header of the answer names, not compressed."


class InvalidForm(Refusal):
    """A parameter is missing, given twice, or in the query; token endpoint only (RFC 6749, 5.2)."""

    status = 400
    code = "invalid_request"
    title = "The form is not valid"
    remedy = "Correct the program."


class UseCursor(Unprocessable):
    """The page lies beyond row 10,000, which is reached with `cursor` only."""

    code = "use_cursor"
    title = "Page this far with the cursor"
    remedy = "Go on with `next_cursor`."


class InvalidCursor(Unprocessable):
    """The cursor is not one of this list, or was given for other filters or another order."""

    code = "invalid_cursor"
    title = "The cursor does not belong to this list"
    remedy = "Begin at the first page."


class InvalidIdempotencyKey(Refusal):
    """The `Idempotency-Key` is empty, too long, or has characters that cannot be seen."""

    code = "invalid_idempotency_key"
    title = "The Idempotency-Key is not valid"
    remedy = "Send 1 to 255 visible ASCII characters, such as a new UUID."


class IdempotencyNotSupported(Refusal):
    """The answer of this route holds a secret, which is never stored, so no key is taken."""

    code = "idempotency_not_supported"
    title = "This route takes no Idempotency-Key"
    remedy = "Leave the header out."


class IdempotencyKeyReused(Unprocessable):
    """The `Idempotency-Key` came with another request before, or with too many others."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key belongs to another request"
    remedy = "Make a new key for each new request, and repeat a request with its own."
    example: ClassVar[Mapping[str, Any]] = {}
    keeps_writes = True


class RequestInProgress(Conflict):
    """The first request with this `Idempotency-Key` has not been answered yet."""

    code = "request_in_progress"
    title = "The first request with this key is not answered yet"
    remedy = "Wait for `Retry-After`, then send the same again."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class AnswerWithheld(Forbidden):
    """The answer is stored under this key, and the caller has lost rights since."""

    code = "answer_withheld"
    title = "The stored answer is no longer for you"
    remedy = "Read what was made, if you still may."


class MethodNotAllowed(Refusal):
    """The path does not know the method."""

    status = 405
    code = "method_not_allowed"
    title = "The resource does not know this method"
    remedy = "Correct the program; `Allow` lists the methods that the path knows."


class UriTooLong(Refusal):
    """The request line is longer than the server reads."""

    status = 414
    code = "uri_too_long"
    title = "The request line is too long"
    remedy = "Send less."


class ExpectationFailed(Refusal):
    """The `Expect` header asks for something unknown."""

    status = 417
    code = "expectation_failed"
    title = "The expectation cannot be met"
    remedy = "Leave the header out."


class HeadersTooLarge(Refusal):
    """The header fields are larger than the server reads."""

    status = 431
    code = "headers_too_large"
    title = "The header fields are too large"
    remedy = "Send less."


class Overloaded(Unavailable):
    """The request had waited too long when a thread was free for it; nothing was done.

    Whoever waited that long is often no longer there, and everybody behind would wait longer.
    """

    code = "overloaded"
    title = "There is too much to do just now"


class InternalError(Refusal):
    """A mistake of the program; the log has it under the request id."""

    status = 500
    code = "internal_error"
    title = "Something went wrong here"
    remedy = "Report `instance` to the operator."
