"""The base of every schema: what is not named is refused, and null is not a value."""

from marshmallow import RAISE
from marshmallow import Schema as _Schema

from gatehouse.web.addresses import EmailField
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
from gatehouse.web.parameters import QueryBoolean, QueryInteger

__all__ = [
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
    "Text",
    "Timestamp",
]


class Schema(_Schema):
    """One direction of one resource: `UserCreate`, `UserPatch`, `UserOut`. It never queries."""

    class Meta:
        """Unknown members are an error."""

        unknown = RAISE
