"""The permissions and events of the roles feature, and what the built-in roles hold."""

from collections.abc import Mapping

from gatehouse.core.events import Event
from gatehouse.core.permissions import ADMIN, SUPER_ADMIN, USER, Permission


class RolePermission(Permission):
    """What may be done with roles."""

    READ = "roles:read"
    WRITE = "roles:write"
    ASSIGN = "roles:assign"


class RoleEvent(Event):
    """What happens to a role."""

    CREATED = "role.created"
    CHANGED = "role.changed"
    DELETED = "role.deleted"


# Permissions of the users feature are spelled here as strings, because it comes after this one.
# super_admin lists none: it holds whatever there is, also what is added later.
BUILT_IN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    USER: ("Every person: their own account.", ()),
    ADMIN: (
        "Administrators: the accounts of people, and the ledger.",
        ("audit:read", "users:create", "users:delete", "users:read", "users:update"),
    ),
    SUPER_ADMIN: ("Everything, also what is added later.", ()),
}
