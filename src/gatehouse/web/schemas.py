"""The base of every schema: what is not named is refused, and null is not a value."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE
from marshmallow import Schema as _Schema

from gatehouse.web.addresses import EmailField
from gatehouse.web.examples import ID, MOMENT, told
from gatehouse.web.fields import (
    Boolean,
    Choice,
    Id,
    Integer,
    Items,
    Password,
    Text,
    Timestamp,
)
from gatehouse.web.parameters import QueryBoolean, QueryInteger, Sort

__all__ = [
    "ID",
    "MOMENT",
    "Boolean",
    "Choice",
    "EmailField",
    "Id",
    "Integer",
    "Items",
    "Password",
    "QueryBoolean",
    "QueryInteger",
    "Schema",
    "Sort",
    "Text",
    "Timestamp",
    "told",
]


class Schema(_Schema):
    """One direction of one resource: `UserCreate`, `UserPatch`, `UserOut`. It never queries.

    The docstring of a subclass and the metadata of its members (`told`) are the API's text.
    `examples` are whole documents by name, where the required members alone make none.
    `is_secret` says that an answer is good for whoever has it, so that none is ever stored.
    """

    examples: ClassVar[Mapping[str, Any]] = {}
    is_secret: ClassVar[bool] = False

    class Meta:
        """Unknown members are an error."""

        unknown = RAISE
