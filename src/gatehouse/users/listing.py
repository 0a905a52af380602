"""The SQL of the list of accounts: one statement a page, roles included, and one for a count."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    select,
    union,
)

from gatehouse import roles
from gatehouse.core.text import fold
from gatehouse.infra import db
from gatehouse.roles import UserRole
from gatehouse.users.models import users
from gatehouse.users.repository import SHOWN

_SORT_COLUMNS = {
    "created_at": users.c.created_at,
    "email": users.c.email_folded,
    "username": users.c.username_folded,
}
_LAST_CODE_POINT = 0x10FFFF


def page(filters: Mapping[str, Any]) -> Select[Any]:
    """Return the statement of the shown columns, and the one by which they are sorted."""
    key = sort_keys(filters)[0]
    extra = () if key is users.c.created_at else (key,)
    return select(*SHOWN, *extra).where(*_conditions(filters))


def count(filters: Mapping[str, Any]) -> Select[Any]:
    """Return the statement that counts the accounts of a list."""
    return select(func.count()).select_from(users).where(*_conditions(filters))


def sort_keys(filters: Mapping[str, Any]) -> list[ColumnElement[Any]]:
    """Return the sort column and the id, which makes the order total."""
    return [_SORT_COLUMNS[filters["sort"].lstrip("+-")], users.c.id]


def is_descending(filters: Mapping[str, Any]) -> bool:
    """Tell whether the largest comes first."""
    return bool(filters["sort"].startswith("-"))


def _conditions(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    is_deleted = users.c.deleted_at.is_not(None)
    conditions: list[ColumnElement[bool]] = [
        is_deleted if filters["deleted"] else users.c.deleted_at.is_(None)
    ]
    for name in ("is_active", "is_verified"):
        if name in filters:
            conditions.append(users.c[name].is_(filters[name]))
    if "created_after" in filters:
        conditions.append(users.c.created_at >= filters["created_after"])
    if "created_before" in filters:
        conditions.append(users.c.created_at < filters["created_before"])
    if "role" in filters:
        conditions.append(_has_role(filters["role"]))
    if "q" in filters:
        conditions.append(users.c.id.in_(_found(fold(filters["q"]))))
    return conditions


def _has_role(name: str) -> ColumnElement[bool]:
    """Return the condition that a person has a role.

    Written into the statement, its id lets PostgreSQL see whether few have it or nearly
    everybody; not knowing, it walks all people in search of three administrators.
    """
    role_id = roles.id_of(name)
    if role_id is None:
        return false()
    known = bindparam(None, role_id, type_=db.Id(), literal_execute=True)
    return exists().where(UserRole.user_id == users.c.id, UserRole.role_id == known)


def _found(prefix: str) -> CompoundSelect[Any]:
    """Return the ids of accounts whose e-mail or username begins with `prefix`.

    Two index ranges, found before anything is sorted: with OR, PostgreSQL may walk the index of
    the sort column instead, and discard most of the table on the way.
    """
    names = users.c.email_folded, users.c.username_folded
    return union(*(select(users.c.id).where(_begins_with(name, prefix)) for name in names))


def _begins_with(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Return the condition as a range of bytes, which is a range of the index.

    `LIKE` would need its wildcards escaped and, on SQLite, would fold ASCII a second time.
    """
    end = _after(prefix)
    return column >= prefix if end is None else and_(column >= prefix, column < end)


def _after(prefix: str) -> str | None:
    """Return the least text, by code points, that is greater than all that begin with `prefix`."""
    head = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not head:
        return None
    following = ord(head[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # surrogates are no characters
        following = 0xE000
    return head[:-1] + chr(following)
