"""The User JSON, straight from columns: lists and the access check make no entities for it."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement

from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.users.models import users

PUBLIC_NAMES = (
    "id",
    "email",
    "pending_email",
    "username",
    "name",
    "locale",
    "is_active",
    "is_verified",
    "avatar",
    "created_at",
    "updated_at",
    "created_by",
    "version",
)

PUBLIC_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(users.c[name] for name in PUBLIC_NAMES)
"""The columns that `render` and the ETag need; each keeps its name in the row."""

_values = itemgetter(*PUBLIC_NAMES)


def render(row: Mapping[str, Any], roles: Iterable[str]) -> dict[str, Any]:
    """Return the User JSON of a row that maps the names of PUBLIC_COLUMNS to their values.

    Ids and times stay what they are: the encoder writes them as `UserOut` would.
    """
    return document((*_values(row), sorted(roles)))


def document(row: Sequence[Any]) -> dict[str, Any]:
    """Return the User JSON of a row that begins with the repository's shown columns."""
    (
        id_,
        email,
        pending_email,
        username,
        name,
        locale,
        is_active,
        is_verified,
        avatar,
        created_at,
        updated_at,
        created_by,
        _version,
        roles,
        *_,
    ) = row
    return {
        "id": id_,
        "email": email,
        "pending_email": pending_email,
        "username": username,
        "name": name,
        "locale": locale,
        "roles": roles,
        "is_active": is_active,
        "is_verified": is_verified,
        "is_superuser": SUPER_ADMIN in roles,
        "avatar_url": avatar and f"/uploads/{avatar}",
        "created_at": created_at,
        "updated_at": updated_at,
        "created_by": created_by,
    }
