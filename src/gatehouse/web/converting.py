"""How schemas of marshmallow become schemas of OpenAPI 3.1."""

import inspect
import re
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from gatehouse.web.fields import Timestamp

_DIRECTIONS = {"+": "_ASCENDING", "-": "_DESCENDING"}
_ANCHORED = re.compile(r"\(\?:(.*)\)\\Z", re.DOTALL)


class Converter(OpenAPIConverter):
    """Adds what a schema's docstring says, and spells patterns as ECMA-262 does."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        """Return the JSON Schema of a schema, with its docstring."""
        text = inspect.getdoc(type(schema)) or ""
        told: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return {"description": text, **told}

    def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the pattern of a field, anchored at both ends; theirs would search."""
        attributes: dict[str, Any] = super().field2pattern(field, **kwargs)
        if "pattern" in attributes:
            attributes["pattern"] = ecma(attributes["pattern"])
        return attributes

    def field2choices(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the words of a field, with names for generated code: `-email` is none there."""
        attributes: dict[str, Any] = super().field2choices(field, **kwargs)
        words = attributes.get("enum", ())
        if any(str(word).startswith(tuple(_DIRECTIONS)) for word in words):
            attributes["x-enum-varnames"] = [
                word.lstrip("+-").upper() + _DIRECTIONS.get(word[0], "") for word in words
            ]
        return attributes


class Plugin(MarshmallowPlugin):
    """apispec's plugin with our converter and our names."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=name_of)

    def init_spec(self, spec: Any) -> None:
        """Begin a description."""
        super().init_spec(spec)
        self.map_to_openapi_type(  # type: ignore[no-untyped-call]
            Timestamp, "string", "date-time"
        )


def name_of(schema: "str | Schema | type[Schema]") -> str:
    """Return the name of a schema: `UserOut` is what others call a `User`."""
    found = resolve_schema_cls(schema)
    assert isinstance(found, type)
    return found.__name__.removesuffix("Out")


def ecma(pattern: str) -> str:
    r"""Return a pattern of `web.fields` as ECMA-262 spells it: neither `\Z` nor a search."""
    inner = _ANCHORED.fullmatch(pattern)
    return (
        f"^(?:{inner[1]})$" if inner and "|" in inner[1] else f"^{inner[1] if inner else pattern}$"
    )
