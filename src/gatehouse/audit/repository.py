"""All SQL about the ledger, along its primary key wherever time matters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, delete, func, insert, or_, select, union, update

from gatehouse.audit.models import IS_COUNTED, events
from gatehouse.core.ids import new_id
from gatehouse.infra import db

BATCH = 1_000
SHOWN = tuple(column for column in events.c if column.name != "counted_as")
_ADD = insert(events)
_TIME_SHIFT = 80
_BELOW_TIME = (1 << _TIME_SHIFT) - 1

_lock = Lock()
_last_id = 0


def id_at(moment: datetime) -> UUID:
    """Return a new id that carries `moment` instead of the present (RFC 9562, section 5.7).

    Those of one millisecond follow each other in the order in which a process made them.
    """
    global _last_id
    value = first_id(moment).int | new_id().int & _BELOW_TIME
    with _lock:
        if value >> _TIME_SHIFT == _last_id >> _TIME_SHIFT and value <= _last_id:
            value = _last_id + 1
        _last_id = value
    return UUID(int=value)


def first_id(moment: datetime) -> UUID:
    """Return a bound that no id of `moment` or later lies below."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << _TIME_SHIFT)


def add(values: Mapping[str, Any]) -> None:
    """Write a fact into the present unit."""
    db.session.execute(_ADD, {"id": id_at(values["occurred_at"]), **values})


def raise_or_add(values: Mapping[str, Any], *, by: int) -> None:
    """Write a counted fact, or raise the count of the row that its window has already."""
    statement = db.upsert(events).values(id=id_at(values["occurred_at"]), occurrences=by, **values)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[events.c.counted_as],
            index_where=IS_COUNTED,
            set_={"occurrences": events.c.occurrences + by},
        )
    )


def listed(filters: Mapping[str, Any], *, of: UUID | None) -> Select[Any]:
    """Return the query of a list; `of` narrows it to what a person did or what was done to them."""
    statement = select(*SHOWN)
    if of is not None:
        # Both branches have an index of their own. Without them the planner may walk the whole
        # ledger backwards in search of a person who is rarely in it.
        own = union(
            select(events.c.id).where(events.c.subject_id == of),
            select(events.c.id).where(events.c.actor_id == of),
        )
        statement = statement.where(events.c.id.in_(own))
    for name in ("type", "actor_id", "subject_id"):
        if name in filters:
            statement = statement.where(events.c[name] == filters[name])
    if "since" in filters:
        since = filters["since"]
        statement = statement.where(events.c.id >= first_id(since), events.c.occurred_at >= since)
    if "until" in filters:
        until = filters["until"]
        # The id knows milliseconds only: its bound includes the one in which `until` lies.
        bound = UUID(int=first_id(until).int | _BELOW_TIME)
        statement = statement.where(events.c.id <= bound, events.c.occurred_at < until)
    return statement


def latest(filters: Mapping[str, Any], *, of: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Return the rows of a list, the latest first."""
    return db.reader.rows(listed(filters, of=of).order_by(events.c.id.desc()).limit(limit))


def count(statement: Select[Any]) -> int:
    """Return how many rows a list has."""
    counted = statement.with_only_columns(events.c.id).order_by(None).subquery()
    return int(db.replica.scalar(select(func.count()).select_from(counted)))


def purge(before: datetime) -> int:
    """Delete a batch of the oldest facts from before a moment; return how many."""
    batch = (
        select(events.c.id).where(events.c.id < first_id(before)).order_by(events.c.id).limit(BATCH)
    )
    return db.session.execute(delete(events).where(events.c.id.in_(batch))).rowcount  # type: ignore[attr-defined, no-any-return]


def blank(user_id: UUID, *, after: UUID) -> UUID | None:
    """Null address and user agent in a batch of what a person did, or was tried as them.

    Walks the events that name the person, those with ids above `after`; returns how far it came,
    None at the end. What it has passed it never reads again, however many events there are.
    """
    is_ahead, branches = events.c.id > after, []
    for column in (events.c.subject_id, events.c.actor_id):
        named = select(events.c.id).where(column == user_id, is_ahead)
        branches.append(select(named.order_by(events.c.id).limit(BATCH).subquery().c.id))
    both = union(*branches).subquery()
    ids = db.session.scalars(select(both.c.id).order_by(both.c.id).limit(BATCH)).all()
    theirs = or_(
        events.c.actor_id == user_id,
        and_(events.c.subject_id == user_id, events.c.actor_id.is_(None)),
    )
    is_told = or_(events.c.address.is_not(None), events.c.user_agent.is_not(None))
    batch = update(events).where(events.c.id.in_(ids), theirs, is_told)
    db.session.execute(batch.values(address=None, user_agent=None))
    return ids[-1] if len(ids) == BATCH else None
