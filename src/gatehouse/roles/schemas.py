"""How roles and permissions look in JSON."""

from marshmallow import fields

from gatehouse.roles.models import DESCRIPTION_LENGTH, NAME_LENGTH
from gatehouse.web.pagination import PageArgs
from gatehouse.web.schemas import Items, Schema, Text, Timestamp

NAME_PATTERN = r"[a-z][a-z0-9_-]{1,49}"
MAX_PERMISSIONS = 200


class RolePatch(Schema):
    """The members of a role that change; absent ones stay."""

    name = Text(min=2, max=NAME_LENGTH, pattern=NAME_PATTERN)
    description = Text(min=0, max=DESCRIPTION_LENGTH)
    permissions = Items(
        Text(max=100),
        max=MAX_PERMISSIONS,
        metadata={"description": "All that the role shall hold; see GET /permissions."},
    )


class RoleCreate(RolePatch):
    """A new role."""

    name = Text(min=2, max=NAME_LENGTH, pattern=NAME_PATTERN, required=True)
    description = Text(min=0, max=DESCRIPTION_LENGTH, load_default="")
    permissions = Items(
        Text(max=100),
        max=MAX_PERMISSIONS,
        load_default=list,
        metadata={"description": "See GET /permissions."},
    )


class RoleOut(Schema):
    """A named set of permissions."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    permissions = fields.List(fields.String(), required=True)
    is_built_in = fields.Boolean(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class RoleFilters(PageArgs):
    """The paging of the list of roles."""


class RolePage(Schema):
    """A page of roles, by name."""

    roles = fields.List(fields.Nested(RoleOut), required=True)
    page = fields.Integer(required=True, allow_none=True)
    per_page = fields.Integer(required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Integer()


class PermissionOut(Schema):
    """A right that a role can hold."""

    name = fields.String(required=True, metadata={"description": "`resource:action`"})


class PermissionList(Schema):
    """All permissions there are, by name."""

    permissions = fields.List(fields.Nested(PermissionOut), required=True)
