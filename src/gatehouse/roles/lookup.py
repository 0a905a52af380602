"""The id behind a role's name, remembered for a while: lists filter by it, no right rests on it.

With the id as a constant the database knows how rare a role is, and the list stays one query.
"""

from time import monotonic
from uuid import UUID

from flask import current_app

from gatehouse.roles import repository

EXTENSION = "gatehouse.roles.ids"
REMEMBERED_SECONDS = 30.0


def id_of(name: str) -> UUID | None:
    """Return the id of the role with this name, or None; may be half a minute old."""
    known: dict[str, tuple[UUID, float]] = current_app.extensions.setdefault(EXTENSION, {})
    if name in known and monotonic() - known[name][1] < REMEMBERED_SECONDS:
        return known[name][0]
    role_id = repository.id_of(name)
    if role_id is None:
        known.pop(name, None)
    else:
        known[name] = role_id, monotonic()
    return role_id
