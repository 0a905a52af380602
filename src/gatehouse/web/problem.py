"""Problem documents: the one shape of every error (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from gatehouse.core.errors import (
    FieldErrors,
    Forbidden,
    NotFound,
    Refusal,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from gatehouse.web import refusals
from gatehouse.web.json import dumps

MIME_TYPE = "application/problem+json"
OAUTH_PATHS = "gatehouse.oauth_paths"
MAX_FIELDS = 20

# What the framework itself refuses, by status: the stable code and its text. Every other
# status is named by its phrase.
KNOWN: Mapping[int, tuple[str, str]] = {
    one.status: (one.code, one.title)
    for one in (
        Refusal,
        Unauthenticated,
        Forbidden,
        NotFound,
        refusals.MethodNotAllowed,
        refusals.NotAcceptable,
        refusals.BodyTooLarge,
        refusals.UriTooLong,
        refusals.UnsupportedMediaType,
        refusals.ExpectationFailed,
        Unprocessable,
        TooManyRequests,
        refusals.HeadersTooLarge,
        refusals.InternalError,
        Unavailable,
    )
}

_PHRASES = {one.value: one.phrase for one in HTTPStatus}

# RFC 6749, section 5.2, for what goes wrong before the token endpoint itself decides.
_OAUTH_ERRORS = {401: "invalid_client", 429: "temporarily_unavailable"}


def from_refusal(refusal: Refusal) -> Response:
    """Return the problem that a refusal tells."""
    return build(
        refusal.status,
        refusal.code,
        refusal.title,
        detail=refusal.detail,
        errors=refusal.errors,
        members=refusal.members,
        headers=refusal.headers,
    )


def from_status(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return the problem of a bare status, as the framework raises it."""
    code, title = named(status)
    return build(status, code, title, headers=headers)


def from_http_exception(error: HTTPException) -> Response:
    """Return the problem of a Werkzeug exception, with its headers (`Allow`, `Retry-After`)."""
    if error.response is not None and error.code is None:
        return error.response  # type: ignore[return-value]
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return from_status(error.code or 500, headers)


def named(status: int) -> tuple[str, str]:
    """Return the stable code and the title of a status."""
    if status in KNOWN:
        return KNOWN[status]
    phrase = _PHRASES.get(status, "Error")
    return phrase.lower().replace(" ", "_").replace("-", "_"), phrase


def type_of(code: str) -> str:
    """Return where the page of a code is, which is what identifies it (RFC 9457, section 3.1.1)."""
    return f"/problems/{code}"


def build(
    status: int,
    code: str,
    title: str,
    *,
    detail: str | None = None,
    errors: FieldErrors | None = None,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem answer; `instance` is the request id, `errors` shows 20 members at most."""
    document: dict[str, Any] = {
        "type": type_of(code),
        "title": title,
        "status": status,
        "detail": detail or f"{title}.",
        "instance": g.get("request_id", ""),
        "code": code,
    }
    if errors:
        document["errors"] = {name: list(errors[name]) for name in list(errors)[:MAX_FIELDS]}
    document.update(members or {})
    if request.path.rstrip("/") in current_app.extensions.get(OAUTH_PATHS, ()):
        speak_oauth(document)
    response = Response(dumps(document), status, mimetype=MIME_TYPE)
    response.headers.update(headers or {})
    _challenge(response)
    return response


def speak_oauth(document: dict[str, Any]) -> None:
    """Add RFC 6749's members, where the refusal has not chosen them itself."""
    status = document["status"]
    fallback = "server_error" if status >= 500 else "invalid_request"
    document.setdefault("error", _OAUTH_ERRORS.get(status, fallback))
    described = str(document["detail"]).replace('"', "'").replace("\\", "/")
    document.setdefault("error_description", described.encode("ascii", "replace").decode())


def _challenge(response: Response) -> None:
    """Say how to authenticate (RFC 6750, section 3), where the lock has not said it better."""
    if response.status_code == 401 and "WWW-Authenticate" not in response.headers:
        response.headers["WWW-Authenticate"] = "Bearer"
