"""What the roles feature refuses."""

from gatehouse.core.errors import Conflict, Forbidden, NotFound, Unprocessable


class RoleNotFound(NotFound):
    """There is no role with this id."""

    code = "role_not_found"


class UnknownPermission(Unprocessable):
    """A permission is named that no feature has."""

    code = "unknown_permission"
    title = "There is no such permission"


class RoleExists(Conflict):
    """Another role has this name."""

    code = "role_exists"
    title = "The name of the role is in use"


class RoleInUse(Conflict):
    """People still have the role: take it from them first."""

    code = "role_in_use"
    title = "The role is assigned to people"


class BuiltInRole(Conflict):
    """The roles that the service brings cannot be changed."""

    code = "built_in_role"
    title = "A built-in role cannot be changed"


class TargetOutranks(Forbidden):
    """A role is shaped only by someone who holds all its permissions, before and after."""

    code = "target_outranks"
    title = "The role holds more rights than you do"
