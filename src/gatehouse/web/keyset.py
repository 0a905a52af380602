"""Where a page begins: the SQL of keyset and offset windows.

A list is ordered by one sort column and then by the id, in one direction. The sort column may
be nullable: nulls count as the largest values, last in ascending and first in descending order,
which is how PostgreSQL's indexes lie.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select, tuple_, union_all

from gatehouse.infra.db import parameter

Keys = Sequence[Any]


class Start(Enum):
    """How a window begins; its values are the parameters `offset`, or `after_0` and so on."""

    FIRST = "with the first row"
    OFFSET = "a number of rows later"
    AFTER = "after the row with these sort keys"
    AFTER_NULL = "after a row whose sort column is null"


def page(
    statement: Select[Any], keys: Keys, *, descending: bool, limit: int, start: Start
) -> Select[Any]:
    """Return `limit` rows of a statement in the order of its keys, from a start on."""
    if start in (Start.AFTER, Start.AFTER_NULL):
        is_null = start is Start.AFTER_NULL
        return after(statement, keys, is_null=is_null, descending=descending, limit=limit)
    first = ordered(statement, keys, descending=descending).limit(_literal(limit))
    return first.offset(parameter("offset", Integer)) if start is Start.OFFSET else first


def ordered(statement: Select[Any], keys: Keys, *, descending: bool) -> Select[Any]:
    """Order a statement by its sort keys, nulls as the largest."""
    return statement.order_by(None).order_by(*(_order(key, descending=descending) for key in keys))


def after(
    statement: Select[Any], keys: Keys, *, is_null: bool, descending: bool, limit: int
) -> Select[Any]:
    """Return the `limit` rows that follow the row with the sort keys `after_0` and so on."""
    first, *rest = keys
    if is_null:
        beyond = _beyond(rest, descending=descending, begin=1)
        nulls = ordered(statement.where(first.is_(None), beyond), keys, descending=descending)
        if not descending:
            return nulls.limit(_literal(limit))
        others = ordered(statement.where(first.is_not(None)), keys, descending=True)
        return _chained(nulls, others, keys, descending=True, limit=limit)
    # Comparing rows leaves out those whose sort column is null.
    found = ordered(
        statement.where(_beyond(keys, descending=descending)), keys, descending=descending
    )
    if descending or not _is_nullable(first):
        return found.limit(_literal(limit))
    nulls = ordered(statement.where(first.is_(None)), keys, descending=False)
    return _chained(found, nulls, keys, descending=False, limit=limit)


def _chained(
    one: Select[Any], other: Select[Any], keys: Keys, *, descending: bool, limit: int
) -> Select[Any]:
    """Return the first rows of two statements, one after the other.

    Two short index scans, where one condition with OR would walk the whole index.
    """
    parts = [select(part.limit(_literal(limit)).subquery()) for part in (one, other)]
    both = union_all(*parts).subquery()
    outer = [both.c[key.key] for key in keys]
    return ordered(select(both), outer, descending=descending).limit(_literal(limit))


def _beyond(keys: Keys, *, descending: bool, begin: int = 0) -> ColumnElement[bool]:
    left = tuple_(*keys)
    right = tuple_(*(parameter(f"after_{i}", k.type) for i, k in enumerate(keys, begin)))
    return left < right if descending else left > right


def _literal(limit: int) -> ColumnElement[int]:
    """Return a limit that stands in the statement.

    PostgreSQL takes an unknown one for a tenth of the table, and would plan at each execution.
    """
    return bindparam(None, limit, type_=Integer, literal_execute=True)


def _order(key: Any, *, descending: bool) -> Any:
    ordering = key.desc() if descending else key.asc()
    if not _is_nullable(key):
        return ordering
    return ordering.nulls_first() if descending else ordering.nulls_last()


def _is_nullable(key: Any) -> bool:
    """Tell whether a column, or the column of a subquery that stands for one, may be null."""
    column = key.__clause_element__() if hasattr(key, "__clause_element__") else key
    return any(bool(getattr(base, "nullable", False)) for base in column.base_columns)
