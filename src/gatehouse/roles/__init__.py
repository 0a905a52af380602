"""Roles: named sets of permissions, and who has them."""

from gatehouse.core.permissions import ADMIN, SUPER_ADMIN, USER
from gatehouse.feature import Feature
from gatehouse.roles.assignments import has_role, lock_super_admins, names_column
from gatehouse.roles.errors import TargetOutranks
from gatehouse.roles.lookup import id_of
from gatehouse.roles.models import Role, UserRole
from gatehouse.roles.rights import catalogue, expand
from gatehouse.roles.routes import blp
from gatehouse.roles.service import (
    by_names,
    ensure_built_in,
    everything,
    export,
    grant,
    names_of,
    permissions_of,
    take,
)
from gatehouse.roles.vocabulary import BUILT_IN, RoleEvent, RolePermission

__all__ = [
    "ADMIN",
    "BUILT_IN",
    "SUPER_ADMIN",
    "USER",
    "Role",
    "RolePermission",
    "TargetOutranks",
    "UserRole",
    "by_names",
    "catalogue",
    "ensure_built_in",
    "everything",
    "expand",
    "feature",
    "grant",
    "has_role",
    "id_of",
    "lock_super_admins",
    "names_column",
    "names_of",
    "permissions_of",
    "take",
]

feature = Feature(
    name="roles",
    blueprints=(blp,),
    permissions=RolePermission,
    events=RoleEvent,
    export=export,
)
