"""The error answers of an operation: every code that it may tell, by its status.

What a route says itself (`blueprint.refuses`) stands beside what its lock, its limits and its
input imply, and what the edge may refuse of any request.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gatehouse.core.errors import (
    NotFound,
    PreconditionFailed,
    Refusal,
    Unauthenticated,
    Unprocessable,
)
from gatehouse.infra.limits import RateLimited
from gatehouse.web import components, denials, problem, refusals
from gatehouse.web.errors import DatabaseFull, DatabaseUnavailable
from gatehouse.web.locks import Kind, Lock

Refusals = Iterator[type[Refusal]]
CODES = "x-error-codes"

_ANY_REQUEST = (
    *(refusals.UntrustedHost, refusals.BrokenBody, refusals.BodyTooLarge),
    *(refusals.UnsupportedMediaType, refusals.InternalError),
)
_OF_KEYS = (
    *(refusals.InvalidIdempotencyKey, refusals.IdempotencyKeyReused),
    *(refusals.RequestInProgress, refusals.AnswerWithheld),
)
_HEADERS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit-Policy", "RateLimit"),
    503: ("Retry-After",),
}


def of(
    view: Callable[..., Any],
    operation: Mapping[str, Any],
    lock: Lock,
    *,
    method: str,
    path: str,
) -> Refusals:
    """Give every refusal that an operation may answer."""
    yield from _ANY_REQUEST
    yield from getattr(view, "_refusals", ())
    yield from _by_lock(lock)
    if getattr(view, "_limits", None):
        yield RateLimited
    if getattr(view, "_has_secret", False):
        yield refusals.IdempotencyNotSupported
    if getattr(view, "_is_idempotent", False):
        yield from _OF_KEYS
    names = {parameter.get("name") for parameter in operation.get("parameters", ())}
    is_form = getattr(view, "_speaks_oauth", False)
    # Unknown query parameters are refused everywhere.
    yield refusals.InvalidForm if is_form else Unprocessable
    if path.startswith("/api/"):
        yield refusals.NotAcceptable
        yield DatabaseUnavailable
        if method.upper() != "GET":
            yield DatabaseFull
    if "requestBody" in operation and not is_form:
        yield refusals.MalformedJson
    if "cursor" in names:
        yield from (refusals.UseCursor, refusals.InvalidCursor)
    if "If-Match" in names:
        yield PreconditionFailed
    if "{" in path:
        yield NotFound


def described(found: Iterable[type[Refusal]], *, is_oauth: bool) -> dict[str, Any]:
    """Return the responses of these refusals, by status."""
    by_code = {one.code: one for one in sorted(found, key=lambda one: -len(one.__mro__))}
    by_status: dict[int, list[type[Refusal]]] = {}
    for _, refusal in sorted(by_code.items()):
        by_status.setdefault(refusal.status, []).append(refusal)
    return {
        str(status): _response(status, by_status[status], is_oauth=is_oauth)
        for status in sorted(by_status)
    }


def share(document: dict[str, Any]) -> None:
    """Move answers and examples that several operations have to the components."""
    places: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for item in document["paths"].values():
        for responses in [one["responses"] for one in item.values() if "responses" in one]:
            for status, response in responses.items():
                if CODES in response:
                    places.setdefault(_name(response), []).append((responses, status))
    shared = document["components"].setdefault("responses", {})
    for name in sorted(places):
        uses = places[name]
        if len(uses) > 1:
            responses, status = uses[0]
            shared[name] = responses[status]
            for responses, status in uses:
                responses[status] = {"$ref": f"#/components/responses/{name}"}


def _by_lock(lock: Lock) -> Refusals:
    if lock.kind in (Kind.PUBLIC, Kind.ONE_TIME):
        return
    yield denials.InvalidToken
    if lock.kind is Kind.METRICS_TOKEN:
        yield NotFound
    if lock.kind in (Kind.USER, Kind.SELF_OR, Kind.PERMISSION, Kind.METRICS_TOKEN):
        yield Unauthenticated
    if lock.kind in (Kind.SELF_OR, Kind.PERMISSION):
        yield denials.MissingPermission
    if lock.is_fresh:
        yield denials.StepUpRequired
    if lock.is_closed_to_api_keys:
        yield denials.ApiKeyNotAllowed


def _response(status: int, found: list[type[Refusal]], *, is_oauth: bool) -> dict[str, Any]:
    schema = components.TOKEN_PROBLEM if is_oauth else components.PROBLEM
    return {
        "description": "\n".join(f"- `{one.code}`: {components.meaning(one)}" for one in found),
        CODES: [one.code for one in found],
        "headers": components.headers("X-Request-ID", "Cache-Control", *_HEADERS.get(status, ())),
        "content": {
            problem.MIME_TYPE: {
                "schema": schema,
                "examples": {one.code: components.example(one, is_oauth=is_oauth) for one in found},
            }
        },
    }


def _name(response: Mapping[str, Any]) -> str:
    """Return a name for the answer with these codes; the token endpoint's have more members."""
    [media] = response["content"].values()
    prefix = "Token" if media["schema"] == components.TOKEN_PROBLEM else ""
    return prefix + "Or".join(code.title().replace("_", "") for code in response[CODES])
