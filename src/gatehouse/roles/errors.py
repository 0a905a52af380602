"""What the roles feature refuses."""

from typing import ClassVar

from gatehouse.core.errors import Conflict, Forbidden, Members, NotFound, Unprocessable


class RoleNotFound(NotFound):
    """There is no role with this id."""

    code = "role_not_found"
    remedy = "Read the list anew."


class UnknownPermission(Unprocessable):
    """A permission is named that no feature has; `errors` says which one."""

    code = "unknown_permission"
    title = "There is no such permission"
    remedy = "Read `GET /api/v1/permissions`."
    example: ClassVar[Members] = {"errors": {"permissions.0": ["There is no such permission."]}}


class RoleExists(Conflict):
    """Another role has this name."""

    code = "role_exists"
    title = "The name of the role is in use"
    remedy = "Ask for another name."


class RoleInUse(Conflict):
    """People still have the role."""

    code = "role_in_use"
    title = "The role is assigned to people"
    remedy = "Take it from them first."


class BuiltInRole(Conflict):
    """The role comes with the service and cannot be changed."""

    code = "built_in_role"
    title = "A built-in role cannot be changed"
    remedy = "Leave it as it is."


class TargetOutranks(Forbidden):
    """The person or the role holds more rights than the caller."""

    code = "target_outranks"
    title = "The role holds more rights than you do"
    remedy = "Leave it to somebody who holds as much."
