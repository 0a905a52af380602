"""Every permission that the installed features know, and what a role amounts to."""

from collections.abc import Iterable, Sequence
from typing import Any

from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.feature import slots


def catalogue() -> frozenset[str]:
    """Return all permissions there are."""
    return frozenset(map(str, slots().permissions))


def expand(held: Iterable[Sequence[Any]]) -> frozenset[str]:
    """Return the permissions of roles, each of which begins with its name and its list.

    super_admin holds everything there is. What a row lists and no feature knows any more counts
    for nothing: else nobody could hold it, and everybody would be outranked by it.
    """
    found: set[str] = set()
    for name, permissions, *_ in held:
        if name == SUPER_ADMIN:
            return catalogue()
        found.update(permissions)
    return catalogue() & found if found else frozenset()
