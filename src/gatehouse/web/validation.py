"""Schemas at work: what they load, and how their messages are told."""

from typing import Any, Literal

from marshmallow import Schema, ValidationError

from gatehouse.core.errors import Unprocessable
from gatehouse.web.problem import MAX_FIELDS

SchemaLike = Schema | type[Schema]


def instance(schema: SchemaLike) -> Schema:
    """Return the schema, made if need be; a route makes it once."""
    return schema() if isinstance(schema, type) else schema


def load(
    schema: Schema, document: dict[str, Any], *, unknown: Literal["exclude", "raise"] | None = None
) -> Any:
    """Return `document` as `schema` reads it; raises Unprocessable with the errors by member."""
    try:
        return schema.load(document, unknown=unknown)
    except ValidationError as error:
        raise Unprocessable(errors=by_path(error.messages)) from None


def by_path(messages: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten marshmallow's messages: `{"roles": {0: ["…"]}}` is `{"roles.0": ["…"]}`."""
    if not isinstance(messages, dict):
        return {path: [str(message) for message in messages]}
    found: dict[str, list[str]] = {}
    for name, inner in messages.items():
        if len(found) >= MAX_FIELDS:
            break
        below = path if name == "_schema" else f"{path}.{name}" if path else str(name)
        found.update(by_path(inner, below[:100]))
    return found
