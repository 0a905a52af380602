"""What the edge refuses by itself, before any feature is asked."""

from gatehouse.core.errors import Refusal, Unprocessable


class MalformedJson(Refusal):
    """The body is not JSON as RFC 8259 and this service understand it."""

    status = 400
    code = "malformed_json"
    title = "The body is not valid JSON"


class BrokenBody(Refusal):
    """The body ended early, or its framing is wrong; the server closes the connection."""

    status = 400
    code = "broken_body"
    title = "The body could not be read"


class UntrustedHost(Refusal):
    """The Host header names none of TRUSTED_HOSTS."""

    status = 400
    code = "untrusted_host"
    title = "This service does not answer for that host"


class NotAcceptable(Refusal):
    """The Accept header rules out JSON (RFC 9110, section 12.5.1)."""

    status = 406
    code = "not_acceptable"
    title = "The answer exists as application/json only"


class BodyTooLarge(Refusal):
    """The body is longer than MAX_BODY_BYTES."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"


class UnsupportedMediaType(Refusal):
    """The body is of a type, or in an encoding, that the route does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "The body is of another media type than expected"


class InvalidForm(Refusal):
    """The form of the token endpoint is not valid (RFC 6749, section 5.2)."""

    status = 400
    code = "invalid_request"
    title = "The form is not valid"


class UseCursor(Unprocessable):
    """A page so far down is reached with `cursor` only."""

    code = "use_cursor"
    title = "Page this far with the cursor"


class InvalidCursor(Unprocessable):
    """The cursor is not one of this list, or was given for other filters or another order."""

    code = "invalid_cursor"
    title = "The cursor does not belong to this list"
