"""The committed API description, and the examples that stand in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.servers.server import ROOT

PATH = ROOT / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
METHODS = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Case:
    """An operation with one example of its request, and the answer that it promises."""

    name: str
    operation_id: str
    method: str
    path: str
    lock: str
    media_type: str | None
    body: dict[str, Any] | None
    status: int
    answer: Any
    schema: dict[str, Any] | None

    def __str__(self) -> str:
        return self.name


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give method, path and description of every operation."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def cases() -> Iterator[Case]:
    """Give every example of a request; an operation without a body is one by itself."""
    for method, path, operation in operations():
        name = operation["operationId"]
        status = min(int(status) for status in operation["responses"] if status < "3")
        media = operation["responses"][str(status)].get("content", {}).get("application/json", {})
        [*kinds] = operation.get("requestBody", {}).get("content", {}).items() or [(None, {})]
        for media_type, told in kinds:
            for label, body in _examples(told):
                yield Case(
                    "-".join(filter(None, (name, label))),
                    name,
                    method,
                    path,
                    operation["x-lock"],
                    media_type,
                    body,
                    status,
                    media.get("example"),
                    media.get("schema"),
                )


def _examples(media: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "examples" in media:
        yield from ((name, one["value"]) for name, one in media["examples"].items())
    else:
        yield "", media.get("example")


def shape(value: Any, schema: dict[str, Any]) -> Any:
    """Return what is left of a document without its values; of a list, its first item.

    Of an object whose members the schema leaves open, nothing is left.
    """
    schema = component(schema)
    if isinstance(value, dict):
        members = schema.get("properties", {})
        return {name: shape(value[name], members.get(name, {})) for name in value if members}
    if isinstance(value, list):
        return [shape(item, schema.get("items", {})) for item in value[:1]]
    return None if value is None else type(value).__name__


def component(told: dict[str, Any]) -> dict[str, Any]:
    """Return a shared part of the description where it stands."""
    found: dict[str, Any] = DOCUMENT
    for name in told.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in told else told


def alike(left: Any, right: Any) -> bool:
    """Tell whether two shapes are the same; null stands for whatever is absent today."""
    if left is None or right is None:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        same_names = left.keys() == right.keys()
        return same_names and all(alike(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return bool(left == right)
