"""Where a page begins: the SQL of keyset and offset windows.

A list is ordered by one sort column and then by the id, in one direction. The sort column may
be nullable: nulls count as the largest values, last in ascending and first in descending order,
which is how PostgreSQL's indexes lie.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all

Keys = Sequence[Any]


def ordered(statement: Select[Any], keys: Keys, *, descending: bool) -> Select[Any]:
    """Order a statement by its sort keys, nulls as the largest."""
    return statement.order_by(None).order_by(*(_order(key, descending=descending) for key in keys))


def after(
    statement: Select[Any], keys: Keys, values: Sequence[Any], *, descending: bool, limit: int
) -> Select[Any]:
    """Return the `limit` rows that follow the row with these sort keys."""
    first, *rest = keys
    if values[0] is None:
        beyond = _beyond(rest, values[1:], descending=descending)
        nulls = ordered(statement.where(first.is_(None), beyond), keys, descending=descending)
        if not descending:
            return nulls.limit(limit)
        others = ordered(statement.where(first.is_not(None)), keys, descending=True)
        return _chained(nulls, others, keys, descending=True, limit=limit)
    # Comparing rows leaves out those whose sort column is null.
    found = ordered(
        statement.where(_beyond(keys, values, descending=descending)), keys, descending=descending
    )
    if descending or not _is_nullable(first):
        return found.limit(limit)
    nulls = ordered(statement.where(first.is_(None)), keys, descending=False)
    return _chained(found, nulls, keys, descending=False, limit=limit)


def _chained(
    one: Select[Any], other: Select[Any], keys: Keys, *, descending: bool, limit: int
) -> Select[Any]:
    """Return the first rows of two statements, one after the other.

    Two short index scans, where one condition with OR would walk the whole index.
    """
    parts = [select(part.limit(limit).subquery()) for part in (one, other)]
    both = union_all(*parts).subquery()
    outer = [both.c[key.key] for key in keys]
    return ordered(select(both), outer, descending=descending).limit(limit)


def _beyond(keys: Keys, values: Sequence[Any], *, descending: bool) -> ColumnElement[bool]:
    left = tuple_(*keys)
    right = tuple_(*(literal(v, k.type) for k, v in zip(keys, values, strict=True)))
    return left < right if descending else left > right


def _order(key: Any, *, descending: bool) -> Any:
    ordering = key.desc() if descending else key.asc()
    if not _is_nullable(key):
        return ordering
    return ordering.nulls_first() if descending else ordering.nulls_last()


def _is_nullable(key: Any) -> bool:
    """Tell whether a column, or the column of a subquery that stands for one, may be null."""
    column = key.__clause_element__() if hasattr(key, "__clause_element__") else key
    return any(bool(getattr(base, "nullable", False)) for base in column.base_columns)
