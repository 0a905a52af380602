"""Fields of query parameters, which arrive as text; text fields serve both."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, validate

from gatehouse.web.fields import Choice

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


class Sort(Choice):
    """By which member a list is sorted: `name` or `+name` from the smallest, `-name` the largest.

    The plus that is typed into a URL arrives as a blank.
    """

    def __init__(self, names: Sequence[str], *, default: str, **kwargs: Any):
        spelled = [sign + name for name in names for sign in ("", "-", "+")]
        super().__init__(spelled, load_default=default, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if isinstance(value, str) and value.startswith(" "):
            value = "+" + value[1:]
        return super()._deserialize(value, attr, data, **kwargs)
