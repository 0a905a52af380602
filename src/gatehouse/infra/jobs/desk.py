"""What is asked about the outbox besides doing its work: counts, what was given up, forgetting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Row, RowMapping, delete, func, select, update

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.infra.jobs.outbox import (
    IS_DONE,
    IS_OPEN,
    IS_PARKED,
    PERIODIC,
    OutboxEntry,
    State,
    entries,
)

KEPT_WHEN_DONE = timedelta(days=7)
BATCH = 1_000
# Everything but the payload, which may hold an address.
_SHOWN = tuple(column for column in OutboxEntry.__table__.c if column.name != "payload")


def counts() -> dict[str, int]:
    """Return the number of rows by state, housekeeping left out."""
    rows = db.reader.rows(
        select(OutboxEntry.state, func.count().label("number"))
        .where(OutboxEntry.kind.not_like(f"{PERIODIC}%"))
        .group_by(OutboxEntry.state)
    )
    found = {row.state: row.number for row in rows}
    return {state.value: found.get(state.value, 0) for state in State}


def waiting(kind: str, *, at_most: int) -> int:
    """Return how many rows of a kind are not done yet; counts no further than `at_most`."""
    some = select(OutboxEntry.id).where(IS_OPEN, OutboxEntry.kind == kind).limit(at_most)
    return int(db.reader.scalar(select(func.count()).select_from(some.subquery())))


def listed(
    *, state: State | None = None, kind: str | None = None, limit: int = 100
) -> Sequence[RowMapping]:
    """Return rows of a state, a kind or both, oldest first, without their payload."""
    statement = select(*_SHOWN).order_by(OutboxEntry.id).limit(limit)
    if state is not None:
        statement = statement.where(OutboxEntry.state == state)
    if kind is not None:
        statement = statement.where(OutboxEntry.kind == kind)
    return [row._mapping for row in db.reader.rows(statement)]


def parked(*, limit: int = 100) -> Sequence[RowMapping]:
    """Return the rows that were given up, oldest first, without their payload."""
    return listed(state=State.PARKED, limit=limit)


def found(entry_id: UUID) -> RowMapping | None:
    """Return one row, without its payload."""
    row = db.reader.row(select(*_SHOWN).where(OutboxEntry.id == entry_id))
    return None if row is None else row._mapping


def rows_of(user_id: UUID, *, kind: str) -> Sequence[Row[Any]]:
    """Return a person's rows of one kind with their payload, oldest first; outside of a unit."""
    statement = select(OutboxEntry.__table__).where(
        OutboxEntry.user_id == user_id, OutboxEntry.kind == kind
    )
    return db.reader.rows(statement.order_by(OutboxEntry.id))


def retry(entry_id: UUID) -> bool:
    """Let a parked row wait again, from the first attempt; in a unit. False if it is not parked."""
    done = db.session.execute(
        update(entries)
        .where(OutboxEntry.id == entry_id, OutboxEntry.state == State.PARKED)
        .values(state=State.WAITING, attempts=0, available_at=clock.now(), created_at=clock.now())
    )
    return cast("CursorResult[Any]", done).rowcount == 1


def hasten(*, limit: int = BATCH) -> int:
    """Let what failed and waits for its next try be tried at once; in a unit. Returns how many."""
    waits = select(OutboxEntry.id).where(
        OutboxEntry.state == State.WAITING,
        OutboxEntry.available_at > clock.now(),
        OutboxEntry.last_error.is_not(None),
    )
    done = db.session.execute(
        update(entries)
        .where(OutboxEntry.id.in_(waits.limit(limit)))
        .values(available_at=clock.now())
    )
    return cast("CursorResult[Any]", done).rowcount


def of_user(user_id: UUID, *, kind: str) -> list[UUID]:
    """Return the ids of a person's rows of one kind; in a unit."""
    statement = select(OutboxEntry.id).where(
        OutboxEntry.user_id == user_id, OutboxEntry.kind == kind
    )
    return list(db.session.scalars(statement))


def forget(user_id: UUID, *, kind: str | None = None) -> None:
    """Delete a person's rows, whatever their state; in a unit."""
    statement = delete(OutboxEntry).where(OutboxEntry.user_id == user_id)
    if kind is not None:
        statement = statement.where(OutboxEntry.kind == kind)
    db.session.execute(statement.execution_options(synchronize_session=False))


def forget_naming(text: str, *, member: str) -> None:
    """Delete rows that wait or were given up and whose payload holds `text`; in a unit.

    For work that names a person by what a stranger typed, in letters of any case.
    """
    named = func.lower(OutboxEntry.payload[member].as_string()) == text.lower()
    statement = delete(OutboxEntry).where(OutboxEntry.state != State.DONE, named)
    db.session.execute(statement.execution_options(synchronize_session=False))


def purge() -> None:
    """Delete rows that were done long ago, in small units of its own."""
    purge_before(clock.now() - KEPT_WHEN_DONE, state=State.DONE)


def purge_before(moment: datetime, *, state: State) -> int:
    """Delete rows that were done, or given up and made, before a moment; return how many.

    In small units of its own.
    """
    has_ended, since = {
        State.DONE: (IS_DONE, OutboxEntry.done_at),
        State.PARKED: (IS_PARKED, OutboxEntry.created_at),
    }[state]
    old = select(OutboxEntry.id).where(has_ended, since < moment).limit(BATCH)
    count = 0
    while True:
        with db.unit():
            done = db.session.execute(delete(entries).where(entries.c.id.in_(old)))
        count += (deleted := cast("CursorResult[Any]", done).rowcount)
        if deleted < BATCH:
            return count
