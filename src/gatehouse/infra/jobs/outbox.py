"""The table of work for later: a row is written with the fact it follows from, or not at all.

The row alone decides what happens: its state, lease, attempts and next try. States:

    waiting -> leased -> done                          performed
                      -> waiting                       tried again at `available_at`
                      -> parked                        given up; `retry` lets it wait again
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    CursorResult,
    Index,
    Row,
    String,
    Table,
    case,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core import clock
from gatehouse.core.ids import new_id
from gatehouse.infra import db

PERIODIC = "periodic:"
GRACE = timedelta(seconds=2)

# Spelled out and not bound, so that PostgreSQL sees that a partial index covers it.
IS_OPEN = text("state IN ('waiting', 'leased')")
IS_DONE = text("state = 'done'")
IS_PARKED = text("state = 'parked'")


class State(StrEnum):
    """What may become of a row."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    PARKED = "parked"


class OutboxEntry(db.Model):
    """One piece of work. `available_at` is the next try, or the end of the lease while leased."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'leased', 'done', 'parked')", name="state"),
        Index("ix_outbox_open", "available_at", postgresql_where=IS_OPEN, sqlite_where=IS_OPEN),
        Index("ix_outbox_done", "done_at", postgresql_where=IS_DONE, sqlite_where=IS_DONE),
        Index("ix_outbox_parked", "created_at", postgresql_where=IS_PARKED, sqlite_where=IS_PARKED),
    )

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(db.Json)
    user_id: Mapped[UUID | None] = mapped_column(db.Id, index=True)
    state: Mapped[str] = mapped_column(String(10), default=State.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    available_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(db.UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)


# What is asked before, during and after each piece of work goes past the ORM.
entries = cast(Table, OutboxEntry.__table__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours until `leased_until`; `attempts` counts this one."""

    id: UUID
    kind: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    leased_until: datetime


def is_due(kinds: Iterable[str], *, entry_id: UUID | None = None) -> bool:
    """Tell whether a row of these kinds, or this one, wants to be performed; no transaction."""
    values = {"now": clock.now()} | ({} if entry_id is None else {"id": entry_id})
    return bool(db.reader.tuples(_look(tuple(kinds), is_one=entry_id is not None), values))


def due(kinds: Iterable[str], *, limit: int) -> Sequence[Row[Any]]:
    """Return id and kind of up to `limit` rows that are due, those first that are so for longest.

    A moment's grace leaves out what was written just now, whose message is on its way.
    """
    columns = select(entries.c.id, entries.c.kind)
    is_left = entries.c.available_at <= clock.now() - GRACE
    statement = columns.where(*_due(kinds, None), is_left).order_by(entries.c.available_at)
    return db.reader.rows(statement.limit(limit))


def claim(leases: Mapping[str, timedelta], *, entry_id: UUID | None = None) -> Claim | None:
    """Lease the row that is due for longest, or the one with this id, or return None; in a unit.

    `leases` names the kinds that the caller can perform, and how long it keeps a row of each.

    On PostgreSQL rows that others are claiming are passed over; on SQLite units follow each other.
    """
    first = (
        select(entries.c.id)
        .where(*_due(leases, entry_id))
        .order_by(entries.c.available_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    until = _until(leases)
    row = db.session.execute(
        update(entries)
        .where(entries.c.id == first.scalar_subquery())
        .values(
            state=State.LEASED,
            attempts=entries.c.attempts + 1,
            leased_until=until,
            available_at=until,
        )
        .returning(*(entries.c[one.name] for one in fields(Claim)))
    ).first()
    return None if row is None else Claim(**row._mapping)


def mark(claim: Claim, **values: Any) -> bool:
    """Say what became of a row; in a unit. False, and nothing written, if the lease is not ours."""
    done = db.session.execute(
        update(entries)
        .where(
            entries.c.id == claim.id,
            entries.c.state == State.LEASED,
            entries.c.leased_until == claim.leased_until,
        )
        .values(leased_until=None, **values)
    )
    return cast("CursorResult[Any]", done).rowcount == 1


def add(
    kind: str,
    payload: dict[str, Any],
    *,
    user_id: UUID | None = None,
    delay: timedelta | None = None,
    entry_id: UUID | None = None,
) -> UUID:
    """Write a row in the present unit and return its id."""
    now = clock.now()
    entry = OutboxEntry(
        id=entry_id or new_id(),
        kind=kind,
        payload=payload,
        user_id=user_id,
        available_at=now + (delay or timedelta()),
        created_at=now,
    )
    db.session.add(entry)
    return entry.id


def _until(leases: Mapping[str, timedelta]) -> Any:
    """Return the end of a lease that begins now, by the kind of the row."""
    now = clock.now()
    kinds: dict[timedelta, list[str]] = {}
    for kind, lease in leases.items():
        kinds.setdefault(lease, []).append(kind)
    return case(
        *(
            (entries.c.kind.in_(some), literal(now + lease, db.UtcDateTime()))
            for lease, some in kinds.items()
        )
    )


@lru_cache(maxsize=16)
def _look(kinds: tuple[str, ...], *, is_one: bool) -> db.Prepared:
    """Return the question that is asked before and after each piece of work."""
    entry_id = db.parameter("id", db.Id()) if is_one else None
    due = _due(kinds, entry_id, now=db.parameter("now", db.UtcDateTime()))
    return db.Prepared(select(entries.c.id).where(*due).limit(1))


def _due(kinds: Iterable[str], entry_id: Any, *, now: Any = None) -> tuple[Any, ...]:
    moment = clock.now() if now is None else now
    due = IS_OPEN, entries.c.available_at <= moment, entries.c.kind.in_(kinds)
    return due if entry_id is None else (entries.c.id == entry_id, *due)
