"""The SQL of the list of accounts: one statement a page, roles included, and one for a count."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, exists, false, func, or_, select

from gatehouse import roles
from gatehouse.core.text import fold
from gatehouse.infra import db
from gatehouse.roles import UserRole
from gatehouse.users.models import users
from gatehouse.users.rendering import PUBLIC_NAMES
from gatehouse.users.repository import SHOWN
from gatehouse.web import keyset, pagination

_SORT_COLUMNS = {
    "created_at": users.c.created_at,
    "email": users.c.email_folded,
    "username": users.c.username_folded,
}
_LAST_CODE_POINT = 0x10FFFF
_CREATED_AT = PUBLIC_NAMES.index("created_at")
# Filters whose value is bound; all others are part of the statement.
_BOUND = ("created_after", "created_before")
Shape = tuple[tuple[str, Any], ...]


def page(filters: Mapping[str, Any], window: pagination.Window) -> Sequence[Sequence[Any]]:
    """Return the shown columns of the accounts of a window, and those by which it is sorted."""
    shape, values = _shape_of(filters)
    begins, place = pagination.start(window, keys=2)
    statement = _page(shape, window.limit + 1, begins)
    rows = db.replica.tuples(statement, values | place)
    position = _CREATED_AT if filters["sort"].endswith("created_at") else len(SHOWN)
    return pagination.cut(rows, window, keys=lambda row: (row[position], row[0]))


def count(filters: Mapping[str, Any]) -> int:
    """Return how many accounts a list has."""
    shape, values = _shape_of(filters)
    statement = select(func.count()).select_from(users).where(*_conditions(dict(shape)))
    return int(db.replica.scalar(statement, values))


def sort_keys(filters: Mapping[str, Any]) -> list[ColumnElement[Any]]:
    """Return the sort column and the id, which makes the order total."""
    return [_SORT_COLUMNS[filters["sort"].lstrip("+-")], users.c.id]


@lru_cache(maxsize=64)
def _page(shape: Shape, limit: int, start: keyset.Start) -> db.Prepared:
    """Return the statement of a page, built once for all lists of a shape."""
    wanted = dict(shape)
    keys = sort_keys(wanted)
    conditions = _conditions(wanted)
    is_descending = wanted["sort"].startswith("-")
    page = partial(keyset.page, descending=is_descending, limit=limit, start=start)
    if "q" in wanted and keys[0] is not users.c.created_at:
        # PostgreSQL takes order and prefix for independent: walking the names from their end, it
        # would expect `an` everywhere. So all who are found are sorted, by their names alone.
        found = select(*keys).where(*conditions).cte("found")
        found = found.prefix_with("MATERIALIZED", dialect="postgresql")
        names = [found.c[str(key.key)] for key in keys]
        window = page(select(*names), names).subquery()
        keys = [window.c[str(key.key)] for key in keys]
        statement = select(*SHOWN, keys[0]).join(window, window.c.id == users.c.id)
        return db.Prepared(
            keyset.ordered(statement, keys, descending=is_descending), depends_on_values=True
        )
    extra = () if keys[0] is users.c.created_at else (keys[0],)
    statement = select(*SHOWN, *extra).where(*conditions)
    return db.Prepared(page(statement, keys), depends_on_values="q" in wanted)


def _shape_of(filters: Mapping[str, Any]) -> tuple[Shape, dict[str, Any]]:
    """Return what the statement of a list depends on, and the values that are bound to it."""
    shape, values = dict(filters), {}
    for name in _BOUND:
        if name in filters:
            shape[name], values[name] = True, filters[name]
    if "role" in filters:
        shape["role"] = roles.id_of(filters["role"])
    if "q" in filters:
        values["q"] = fold(filters["q"])
        end = _after(values["q"])
        shape["q"] = end is not None
        if end is not None:
            values["q_end"] = end
    return tuple(sorted(shape.items())), values


def _conditions(wanted: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    is_deleted = users.c.deleted_at.is_not(None)
    conditions: list[ColumnElement[bool]] = [
        is_deleted if wanted["deleted"] else users.c.deleted_at.is_(None)
    ]
    for name in ("is_active", "is_verified"):
        if name in wanted:
            conditions.append(users.c[name].is_(wanted[name]))
    moment = users.c.created_at
    if "created_after" in wanted:
        conditions.append(moment >= db.parameter("created_after", moment.type))
    if "created_before" in wanted:
        conditions.append(moment < db.parameter("created_before", moment.type))
    if "role" in wanted:
        conditions.append(_has_role(wanted["role"]))
    if "q" in wanted:
        conditions.append(_begins(is_bounded=wanted["q"]))
    return conditions


def _has_role(role_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition that a person has the role with this id.

    Written into the statement, its id lets PostgreSQL see whether few have it or nearly
    everybody; not knowing, it walks all people in search of three administrators.
    """
    if role_id is None:
        return false()
    known = bindparam(None, role_id, type_=db.Id(), literal_execute=True)
    return exists().where(UserRole.user_id == users.c.id, UserRole.role_id == known)


def _begins(*, is_bounded: bool) -> ColumnElement[bool]:
    """Return the condition that an account's e-mail or username begins with `q`.

    Where many do, PostgreSQL walks the list until the page is full, and else two ranges of
    indexes: it knows by its statistics which is shorter.
    """
    names = users.c.email_folded, users.c.username_folded
    return or_(*(and_(*_range(name, is_bounded)) for name in names))


def _range(column: ColumnElement[Any], is_bounded: bool) -> Iterator[ColumnElement[bool]]:
    """Give the condition as a range of bytes, which is a range of the index.

    `LIKE` would need its wildcards escaped and, on SQLite, would fold ASCII a second time.
    """
    yield column >= db.parameter("q", column.type)
    if is_bounded:
        yield column < db.parameter("q_end", column.type)


def _after(prefix: str) -> str | None:
    """Return the least text, by code points, that is greater than all that begin with `prefix`."""
    head = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not head:
        return None
    following = ord(head[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # surrogates are no characters
        following = 0xE000
    return head[:-1] + chr(following)
