"""What a route's lock, limits and schemas imply, told in its OpenAPI operation."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from gatehouse.core.errors import PreconditionFailed, Refusal
from gatehouse.web import components, problem, refusals
from gatehouse.web.locks import Kind, Lock, lock_of

Operation = dict[str, Any]
Codes = Iterator[tuple[int, str]]

_ANYBODY: Mapping[str, list[str]] = {}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_BODY: tuple[type[Refusal], ...] = (
    refusals.BrokenBody,
    refusals.BodyTooLarge,
    refusals.UnsupportedMediaType,
)
_PAGING: tuple[type[Refusal], ...] = (refusals.UseCursor, refusals.InvalidCursor)


def complete(operation: Operation, view: Callable[..., Any], *, method: str, path: str) -> None:
    """Add security, headers and error answers to an operation."""
    lock = lock_of(view)
    responses = operation.setdefault("responses", {})
    if lock is not None:
        operation["security"] = _security(lock)
        operation["x-lock"] = f"{lock.kind} {lock.permission or lock.purpose or ''}".strip()
    for status in [status for status in responses if status.startswith("2")]:
        headers = components.headers(*_success_headers(operation, view, status))
        if headers:
            responses[status]["headers"] = headers
    condition = _condition(view, method, path)
    if condition is not None:
        _add_parameter(operation, condition)
    codes: dict[int, set[str]] = {}
    for source in (
        _declared(view),
        _by_lock(lock),
        _by_input(operation, view, path),
        _by_condition(condition),
    ):
        for number, code in source:
            codes.setdefault(number, set()).add(code)
    for number in sorted(codes):
        responses.setdefault(str(number), _error(number, sorted(codes[number])))
    if condition == "If-None-Match":
        responses["304"] = {"description": "Not Modified", "headers": components.headers("ETag")}
    responses["default"] = {
        "description": "Any other error.",
        "content": {problem.MIME_TYPE: {"schema": components.PROBLEM}},
    }


def _security(lock: Lock) -> list[Mapping[str, list[str]]]:
    held = [str(lock.permission)] if lock.kind == Kind.PERMISSION else []
    people: list[Mapping[str, list[str]]] = [{components.BEARER: held}, {components.OAUTH2: []}]
    others: dict[Kind, list[Mapping[str, list[str]]]] = {
        Kind.PUBLIC: [],
        Kind.ONE_TIME: [],
        Kind.OPTIONAL_USER: [_ANYBODY, *people],
        Kind.REFRESH_TOKEN: [_ANYBODY, {components.REFRESH: []}],
        Kind.METRICS_TOKEN: [{components.METRICS: []}],
    }
    return others.get(lock.kind, people)


def _declared(view: Callable[..., Any]) -> Codes:
    yield from ((one.status, one.code) for one in getattr(view, "_refusals", ()))
    if getattr(view, "_limits", None):
        yield 429, "rate_limited"


def _by_lock(lock: Lock | None) -> Codes:
    if lock is None or lock.kind in (Kind.PUBLIC, Kind.ONE_TIME):
        return
    yield 401, "invalid_token"
    if lock.kind is not Kind.OPTIONAL_USER:
        yield 401, "unauthenticated"
    if lock.kind in (Kind.SELF_OR, Kind.PERMISSION):
        yield 403, "insufficient_scope"
    if lock.is_fresh:
        yield 401, "insufficient_user_authentication"
    if lock.is_closed_to_api_keys:
        yield 403, "api_key_not_allowed"


def _by_input(operation: Operation, view: Callable[..., Any], path: str) -> Codes:
    speaks_oauth = getattr(view, "_speaks_oauth", False)
    if "requestBody" in operation:
        malformed = refusals.InvalidForm if speaks_oauth else refusals.MalformedJson
        yield from ((one.status, one.code) for one in (malformed, *_BODY))
    if path.startswith("/api/"):
        yield refusals.NotAcceptable.status, refusals.NotAcceptable.code
        if not speaks_oauth:  # unknown query parameters are refused everywhere
            yield 422, "validation_failed"
    if _is_paged(operation):
        yield from ((one.status, one.code) for one in _PAGING)
    if "{" in path:
        yield 404, "not_found"


def _by_condition(condition: str | None) -> Codes:
    if condition == "If-Match":
        yield PreconditionFailed.status, PreconditionFailed.code


def _condition(view: Callable[..., Any], method: str, path: str) -> str | None:
    """Return the conditional header that a route honours; what is yet to be made has none."""
    if not getattr(view, "_has_etag", False) or (method == "post" and "{" not in path):
        return None
    return "If-None-Match" if method == "get" else "If-Match"


def _add_parameter(operation: Operation, condition: str) -> None:
    told = {
        "If-None-Match": "Answer 304 if this is still the version.",
        "If-Match": "Change this version only; else 412.",
    }
    operation.setdefault("parameters", []).append(
        {
            "in": "header",
            "name": condition,
            "description": told[condition],
            "schema": {"type": "string"},
        }
    )


def _is_paged(operation: Operation) -> bool:
    return any(parameter.get("name") == "cursor" for parameter in operation.get("parameters", ()))


def _success_headers(operation: Operation, view: Callable[..., Any], status: str) -> Iterator[str]:
    if status == "201":
        yield "Location"
    if _is_paged(operation):
        yield "Link"
    if getattr(view, "_has_etag", False) and status != "204":
        yield "ETag"


def _error(status: int, codes: list[str]) -> dict[str, Any]:
    """Return the description of one error status, with the codes that it may carry."""
    schema = {"allOf": [components.PROBLEM, {"properties": {"code": {"enum": codes}}}]}
    told: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        "content": {problem.MIME_TYPE: {"schema": schema}},
    }
    if status in _HEADERS_OF:
        told["headers"] = components.headers(*_HEADERS_OF[status])
    return told
