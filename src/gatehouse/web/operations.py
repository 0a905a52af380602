"""What a route's lock, limits and schemas imply, told in its OpenAPI operation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from apispec import APISpec

from gatehouse.core.errors import PreconditionFailed, Refusal
from gatehouse.web import problem, refusals
from gatehouse.web.access import InvalidToken, Kind, Lock, lock_of

PROBLEM = {"$ref": "#/components/schemas/Problem"}
BEARER, OAUTH2, REFRESH, METRICS = "bearer", "oauth2", "refreshToken", "metricsToken"
ANYBODY: Mapping[str, list[str]] = {}

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The request id, as in X-Request-ID."},
        "code": {"type": "string", "description": "Stable; programs may rely on it."},
        "errors": {
            "type": "object",
            "description": "What is wrong, by the path of the member.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "error": {"type": "string", "description": "RFC 6749's code; token endpoint only."},
        "error_description": {"type": "string"},
    },
}
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "The version of the resource.", "schema": {"type": "string"}},
    "Link": {
        "description": "Relations first and next (RFC 8288).",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where the new resource is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RetryAfter": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWWAuthenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
    "Allow": {"description": "The methods that exist.", "schema": {"type": "string"}},
}
_HEADERS_OF: Mapping[str, Mapping[str, str]] = {
    "401": {"WWW-Authenticate": "WWWAuthenticate"},
    "429": {"Retry-After": "RetryAfter"},
    "503": {"Retry-After": "RetryAfter"},
}
_CONDITIONS = {
    "If-Match": "Change only this version; otherwise 412.",
    "If-None-Match": "Answer 304 if this is still the version.",
}


def add_components(spec: APISpec) -> None:
    """Add the problem schema, shared headers and ways to authenticate."""
    spec.components.schema("Problem", _PROBLEM_SCHEMA)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    bearer = {"type": "http", "scheme": "bearer"}
    spec.components.security_scheme(BEARER, {**bearer, "bearerFormat": "JWT"})
    spec.components.security_scheme(
        REFRESH, {**bearer, "description": "The refresh token; it may also come in the body."}
    )
    spec.components.security_scheme(METRICS, {**bearer, "description": "METRICS_TOKEN."})
    token_url = "/api/v1/auth/token"  # noqa: S105 - an address
    spec.components.security_scheme(
        OAUTH2,
        {
            "type": "oauth2",
            "description": "For the operator's own clients only.",
            "flows": {
                "password": {"tokenUrl": token_url, "refreshUrl": token_url, "scopes": {}}
            },
        },
    )


def complete(
    operation: dict[str, Any], view: Callable[..., Any], *, method: str, path: str
) -> None:
    """Add security, headers and error answers to an operation."""
    lock = lock_of(view)
    if lock is not None:
        operation["security"] = _security(lock)
        operation["x-lock"] = f"{lock.kind} {lock.permission or lock.purpose or ''}".strip()
    if getattr(view, "_has_etag", False):
        _add_condition(operation, method)
    for status, answer in operation.get("responses", {}).items():
        if status.startswith("2"):
            _add_headers(answer, _success_headers(operation, view, status, method))
    codes: dict[str, set[str]] = {}
    for status, code in _refusals(operation, view, lock, path):
        codes.setdefault(str(status), set()).add(code)
    for status, named in sorted(codes.items()):
        operation["responses"].setdefault(status, _error(status, sorted(named)))
    operation["responses"].setdefault("default", _error("default", []))


def _security(lock: Lock) -> list[Mapping[str, list[str]]]:
    roles = [str(lock.permission)] if lock.kind == Kind.PERMISSION else []
    people: list[Mapping[str, list[str]]] = [{BEARER: roles}, {OAUTH2: []}]
    return {
        Kind.PUBLIC: [],
        Kind.ONE_TIME: [],
        Kind.OPTIONAL_USER: [ANYBODY, *people],
        Kind.REFRESH_TOKEN: [ANYBODY, {REFRESH: []}],
        Kind.METRICS_TOKEN: [{METRICS: []}],
    }.get(lock.kind, people)


def _refusals(
    operation: dict[str, Any], view: Callable[..., Any], lock: Lock | None, path: str
) -> Iterator[tuple[int, str]]:
    """Give status and code of the refusals that the declaration of a route implies."""
    yield from ((one.status, one.code) for one in getattr(view, "_refusals", ()))
    if lock is not None and lock.kind not in (Kind.PUBLIC, Kind.ONE_TIME):
        yield InvalidToken.status, InvalidToken.code
        yield 401, "unauthenticated"
    if lock is not None and lock.kind in (Kind.SELF_OR, Kind.PERMISSION):
        yield 403, "insufficient_scope"
    if lock is not None and lock.is_fresh:
        yield 401, "insufficient_user_authentication"
    if lock is not None and lock.is_closed_to_api_keys:
        yield 403, "api_key_not_allowed"
    if "requestBody" in operation:
        is_form = getattr(view, "_speaks_oauth", False)
        yield from (
            (one.status, one.code)
            for one in _BODY_REFUSALS
            if one is not (refusals.MalformedJson if is_form else refusals.InvalidForm)
        )
    if "requestBody" in operation or operation.get("parameters"):
        yield 422, "validation_failed"
    if "{" in path:
        yield 404, "not_found"
    if getattr(view, "_has_etag", False) and operation["x-method"] != "get":
        yield PreconditionFailed.status, PreconditionFailed.code
    if getattr(view, "_limits", None):
        yield 429, "rate_limited"


_BODY_REFUSALS: tuple[type[Refusal], ...] = (
    refusals.MalformedJson,
    refusals.InvalidForm,
    refusals.BrokenBody,
    refusals.BodyTooLarge,
    refusals.UnsupportedMediaType,
)
