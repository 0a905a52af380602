"""Who is asking: what one access check learned, for the length of one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """The person behind a request, as the database knew them when it began.

    `user` is the row of their public columns (those of `UserOut`); `amr` lists the
    authentication methods of the log-in (RFC 8176); `auth_time` is when that was.
    """

    user_id: UUID
    session_id: UUID | None
    roles: frozenset[str]
    permissions: frozenset[str]
    auth_time: datetime
    amr: tuple[str, ...]
    user: Mapping[str, Any]

    def may(self, permission: str) -> bool:
        """Tell whether a role of the person holds `permission`."""
        return permission in self.permissions

    def outranks_or_equals(self, permissions: frozenset[str]) -> bool:
        """Tell whether the person holds every one of `permissions`."""
        return permissions <= self.permissions


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: client address, its user agent (cut to 255) and request id."""

    address: str
    user_agent: str
    request_id: str
