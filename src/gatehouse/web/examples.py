"""Examples of the API description: named by the members of a schema, or by the schema itself.

    email = EmailField(required=True, metadata=told("Where mail goes.", "ada@example.com"))

A test sends every example of a request, and compares what comes with the example of the answer.
"""

from typing import Any

from marshmallow import fields

from gatehouse.web.validation import SchemaLike, instance

ID = "0199c2d4-5a6b-7c8d-9e0f-1a2b3c4d5e6f"
MOMENT = "2026-11-20T09:30:00Z"


def told(description: str, *examples: Any) -> dict[str, Any]:
    """Return the metadata of a field: what it means, and what it may look like."""
    return {"description": description, "examples": list(examples)}


def described(schema: SchemaLike) -> dict[str, Any]:
    """Return the examples of a schema, as a media type object has them.

    They are those that the schema names in `examples`; else one is put together from the
    examples of its required members.
    """
    if named := getattr(schema, "examples", None):
        return {
            "examples": {
                name: {"summary": name.replace("_", " ").capitalize(), "value": value}
                for name, value in named.items()
            }
        }
    return {"example": assembled(schema)}


def assembled(schema: SchemaLike) -> dict[str, Any]:
    """Return the examples of a schema's required members."""
    members = instance(schema).fields.items()
    return {name: _example(field) for name, field in members if field.required}


def _example(field: fields.Field[Any]) -> Any:
    if isinstance(field, fields.Nested):
        named = getattr(field.schema, "examples", None) or {"": assembled(field.schema)}
        return next(iter(named.values()))
    if given := field.metadata.get("examples"):
        return given[0]
    if isinstance(field, fields.List):
        return [_example(field.inner)]
    return None
