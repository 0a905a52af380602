"""How roles and permissions look in JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from gatehouse.roles.models import DESCRIPTION_LENGTH, NAME_LENGTH
from gatehouse.web.pagination import PageArgs, PageOut
from gatehouse.web.schemas import ID, MOMENT, Items, Schema, Text, Timestamp, told

NAME_PATTERN = r"[a-z][a-z0-9_-]{1,49}"
MAX_PERMISSIONS = 200

_NAME = told("What the role is called.", "support")
_DESCRIPTION = told("What the role is for.", "Answers people's questions.")
_PERMISSIONS = told("All that the role shall hold; see `GET /permissions`.", ["users:read"])


class RolePatch(Schema):
    """The members of a role that change; absent ones stay."""

    examples: ClassVar[Mapping[str, Any]] = {
        "rights": {"permissions": ["users:read", "roles:read"]},
        "text": {"name": "help-desk", "description": "Answers people's questions."},
    }
    name = Text(min=2, max=NAME_LENGTH, pattern=NAME_PATTERN, metadata=_NAME)
    description = Text(min=0, max=DESCRIPTION_LENGTH, metadata=_DESCRIPTION)
    permissions = Items(Text(max=100), max=MAX_PERMISSIONS, metadata=_PERMISSIONS)


class RoleCreate(RolePatch):
    """A new role."""

    examples: ClassVar[Mapping[str, Any]] = {
        "role": {
            "name": "support",
            "description": "Answers people's questions.",
            "permissions": ["users:read"],
        }
    }
    name = Text(min=2, max=NAME_LENGTH, pattern=NAME_PATTERN, required=True, metadata=_NAME)
    description = Text(min=0, max=DESCRIPTION_LENGTH, load_default="", metadata=_DESCRIPTION)
    permissions = Items(
        Text(max=100), max=MAX_PERMISSIONS, load_default=list, metadata=_PERMISSIONS
    )


class RoleOut(Schema):
    """A named set of permissions."""

    id = fields.UUID(required=True, metadata=told("Which role it is; it never changes.", ID))
    name = fields.String(required=True, metadata=_NAME)
    description = fields.String(required=True, metadata=_DESCRIPTION)
    permissions = fields.List(
        fields.String(), required=True, metadata=told("All that the role holds.", ["users:read"])
    )
    is_built_in = fields.Boolean(
        required=True, metadata=told("Whether it comes with the service and cannot change.", False)
    )
    created_at = Timestamp(required=True, metadata=told("When the role was made.", MOMENT))
    updated_at = Timestamp(required=True, metadata=told("When it was last changed.", MOMENT))


class RoleFilters(PageArgs):
    """The paging of the list of roles."""


class RolePage(PageOut):
    """A page of roles, by name."""

    roles = fields.List(
        fields.Nested(RoleOut), required=True, metadata={"description": "The roles."}
    )


class PermissionOut(Schema):
    """A right that a role can hold."""

    name = fields.String(required=True, metadata=told("`resource:action`", "users:read"))


class PermissionList(Schema):
    """All permissions there are, by name."""

    permissions = fields.List(
        fields.Nested(PermissionOut), required=True, metadata={"description": "The permissions."}
    )
