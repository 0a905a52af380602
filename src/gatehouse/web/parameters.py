"""Fields of query parameters, which arrive as text; text fields serve both."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

_INTEGER = re.compile(r"-?[0-9]{1,18}")


class QueryInteger(fields.Integer):
    """A parameter of at most 18 digits between `min` and `max`."""

    def __init__(self, *, min: int, max: int, **kwargs: Any):
        super().__init__(validate=validate.Range(min=min, max=max), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class QueryBoolean(fields.Boolean):
    """A parameter that is `true` or `false`."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return bool(value == "true")
