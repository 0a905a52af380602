"""The grammar of permissions; each feature names its own in a subclass.

    class NotePermission(Permission):
        READ = "notes:read"

A permission is `resource:action`, both in lower case with dashes. `super_admin` holds every
permission there is; other roles hold those that their row lists.
"""

import re
from enum import StrEnum

GRAMMAR = re.compile(r"[a-z][a-z-]*:[a-z][a-z-]*")

USER, ADMIN, SUPER_ADMIN = "user", "admin", "super_admin"


class Permission(StrEnum):
    """A right that a role can hold, spelled `resource:action`."""
