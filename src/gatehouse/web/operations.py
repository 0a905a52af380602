"""What a route's lock, limits and schemas imply, told in its OpenAPI operation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gatehouse.web import answers, components, examples, idempotency
from gatehouse.web.denials import InvalidToken
from gatehouse.web.locks import Kind, Lock, lock_of

Operation = dict[str, Any]
View = Callable[..., Any]
Security = list[Mapping[str, list[str]]]

_ANYBODY: Mapping[str, list[str]] = {}
_CONDITIONS = {
    "If-None-Match": "Versions (`ETag`) that the client has; 304 if one is the present one.",
    "If-Match": "Versions (`ETag`) of which one has to be the present one; else 412.",
}
_KEY = (
    "A new key for each new request. Sent again with the same key and body within 24 hours, the "
    "request has no second effect and gets the same answer."
)


def complete(operation: Operation, view: View, *, method: str, path: str) -> None:
    """Add security, headers, examples and error answers to an operation."""
    lock = lock_of(view)
    assert lock is not None
    responses = operation.setdefault("responses", {})
    operation["security"] = _security(lock, view)
    operation["x-lock"] = f"{lock.kind} {lock.permission or lock.purpose or ''}".strip()
    text = operation.get("description", "")
    operation["description"] = f"{text}\n\n{_admitted(lock)}".strip()
    if limits := getattr(view, "_limits", ()):
        operation["x-rate-limits"] = {rule.name: rule.default for rule in limits}
    condition = _condition(view, method, path)
    if condition is not None:
        _add_header(operation, condition, _CONDITIONS[condition], examples=['"v3"'])
    if getattr(view, "_is_idempotent", False):
        _add_header(operation, idempotency.HEADER, _KEY, **idempotency.SCHEMA)
    _add_examples(operation, view)
    for status in [status for status in responses if status.startswith("2")]:
        names = _success_headers(operation, view, status)
        responses[status]["headers"] = components.headers(*names)
    if condition == "If-None-Match":
        responses["304"] = {
            "description": "The version that the client has is the present one.",
            "headers": components.headers("X-Request-ID", "Cache-Control", "ETag"),
        }
    refusals = answers.of(view, operation, lock, method=method, path=path)
    is_oauth = getattr(view, "_speaks_oauth", False)
    responses.update(answers.described(refusals, is_oauth=is_oauth))
    operation["responses"] = dict(sorted(responses.items()))


def describe_path(item: dict[str, Any]) -> None:
    """Say of the ids in a path whose they are."""
    for parameter in item.get("parameters", ()):
        named = parameter["name"].removesuffix("_id").replace("_", " ")
        parameter.setdefault("description", f"The id of the {named}.")


def _admitted(lock: Lock) -> str:
    """Return in words whom a lock lets in."""
    words = {
        Kind.PUBLIC: "For everybody.",
        Kind.OPTIONAL_USER: "For everybody; an access token says who it is.",
        Kind.USER: "For whoever has logged in.",
        Kind.SELF_OR: f"For the person themselves, and for holders of `{lock.permission}`.",
        Kind.PERMISSION: f"For holders of `{lock.permission}`.",
        Kind.REFRESH_TOKEN: "For the holder of a refresh token.",
        Kind.ONE_TIME: "For the holder of a token that was mailed.",
        Kind.METRICS_TOKEN: "For the holder of the operator's `METRICS_TOKEN`.",
    }[lock.kind]
    words += " Needs a log-in or step-up within the last ten minutes." if lock.is_fresh else ""
    return words + (" Not for API keys." if lock.is_closed_to_api_keys else "")


def _security(lock: Lock, view: View) -> Security:
    people: Security = [{components.BEARER: []}, {components.OAUTH2: []}]
    # Where a one-time token is spent, the person's session may be what proves the rest.
    looks = InvalidToken in getattr(view, "_refusals", ())
    others: dict[Kind, Security] = {
        Kind.PUBLIC: [],
        Kind.ONE_TIME: [_ANYBODY, *people] if looks else [],
        Kind.OPTIONAL_USER: [_ANYBODY, *people],
        Kind.REFRESH_TOKEN: [_ANYBODY, {components.REFRESH: []}],
        Kind.METRICS_TOKEN: [{components.METRICS: []}],
    }
    return others.get(lock.kind, people)


def _condition(view: View, method: str, path: str) -> str | None:
    """Return the conditional header that a route honours; what is yet to be made has none."""
    if not getattr(view, "_has_etag", False) or (method == "post" and "{" not in path):
        return None
    return "If-None-Match" if method == "get" else "If-Match"


def _add_header(operation: Operation, name: str, description: str, **schema: Any) -> None:
    operation.setdefault("parameters", []).append(
        {
            "in": "header",
            "name": name,
            "required": False,
            "description": description,
            "schema": {"type": "string", **schema},
        }
    )


def _add_examples(operation: Operation, view: View) -> None:
    """Add to what comes in and goes out the examples of its schemas."""
    notes: dict[str, Any] = getattr(view, "_apidoc", {})
    for argument in notes.get("arguments", {}).get("parameters", ()):
        if argument["in"] != "query" and "requestBody" in operation:
            _show(operation["requestBody"], argument["schema"])
    for status, [answer] in notes.get("response", {}).get("responses", {}).items():
        if "schema" in answer:
            _show(operation["responses"][str(status)], answer["schema"])


def _show(described: dict[str, Any], schema: Any) -> None:
    for media in described["content"].values():
        media.update(examples.described(schema))


def _success_headers(operation: Operation, view: View, status: str) -> Iterator[str]:
    yield from ("X-Request-ID", "Cache-Control")
    if any(parameter.get("name") == "cursor" for parameter in operation.get("parameters", ())):
        yield "Link"
    if getattr(view, "_has_etag", False) and status in ("200", "201"):
        yield "ETag"
        if status == "201":
            yield "Location"
