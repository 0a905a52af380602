"""The id behind a role's name, remembered for a while: lists filter by it, no right rests on it.

With the id as a constant the database knows how rare a role is, and the list stays one query.
"""

from uuid import UUID

from gatehouse.infra import cache
from gatehouse.roles import repository

IDS = cache.Space("role_ids", seconds=30, is_local=True)


class _Unknown(Exception):
    """There is no such role; that is not remembered, because it may be made any moment."""


def id_of(name: str) -> UUID | None:
    """Return the id of the role with this name, or None; may be half a minute old."""
    try:
        return UUID(cache.read_through(IDS, name, lambda: _found(name)))
    except _Unknown:
        return None


def _found(name: str) -> str:
    role_id = repository.id_of(name)
    if role_id is None:
        raise _Unknown
    return str(role_id)
