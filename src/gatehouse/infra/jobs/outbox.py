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
    Update,
    case,
    insert,
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
_MARK = update(entries).where(
    entries.c.id == db.parameter("claimed", db.Id()),
    entries.c.state == State.LEASED,
    entries.c.leased_until == db.parameter("claimed_until", db.UtcDateTime()),
)


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
    values = {"now": clock.now()} | ({} if entry_id is None else {"one": entry_id})
    return bool(db.reader.tuples(_look(tuple(kinds), is_one=entry_id is not None), values))


def due(kinds: Iterable[str], *, limit: int) -> Sequence[Row[Any]]:
    """Return id and kind of up to `limit` rows that are due, those first that are so for longest.

    A moment's grace leaves out what was written just now, whose message is on its way.
    """
    columns = select(entries.c.id, entries.c.kind)
    statement = columns.where(*_due(kinds)).order_by(entries.c.available_at).limit(limit)
    return db.reader.rows(statement, {"now": clock.now() - GRACE})


def claim(leases: Mapping[str, timedelta], *, entry_id: UUID | None = None) -> Claim | None:
    """Lease the row that is due for longest, or the one with this id, or return None; in a unit.

    `leases` names the kinds that the caller can perform, and how long it keeps a row of each.
    On PostgreSQL rows that others are claiming are passed over; on SQLite units follow each other.
    """
    now = clock.now()
    values: dict[str, Any] = {_until(lease): now + lease for lease in leases.values()}
    values |= {"now": now} if entry_id is None else {"now": now, "one": entry_id}
    statement = _claim(tuple(leases.items()), is_one=entry_id is not None)
    row = db.session.execute(statement, values).first()
    return None if row is None else Claim(**row._mapping)


def mark(claim: Claim, **values: Any) -> bool:
    """Say what became of a row; in a unit. False, and nothing written, if the lease is not ours."""
    which = {"claimed": claim.id, "claimed_until": claim.leased_until}
    done = db.session.execute(_MARK, {**which, "leased_until": None, **values})
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
    now, made_id = clock.now(), entry_id or new_id()
    made = {
        "id": made_id,
        "kind": kind,
        "payload": payload,
        "user_id": user_id,
        "available_at": now + (delay or timedelta()),
        "created_at": now,
    }
    db.session.execute(insert(entries), made)
    return made_id


def _until(lease: timedelta) -> str:
    """Return the name of the parameter that says when a lease of this length ends."""
    return f"until_{lease.total_seconds():.0f}"


@lru_cache(maxsize=16)
def _claim(leases: tuple[tuple[str, timedelta], ...], *, is_one: bool) -> Update:
    """Return the statement of `claim`, built once for all who can perform the same kinds."""
    kinds: dict[timedelta, list[str]] = {}
    for kind, lease in leases:
        kinds.setdefault(lease, []).append(kind)
    until = case(
        *(
            (entries.c.kind.in_(some), db.parameter(_until(lease), db.UtcDateTime()))
            for lease, some in kinds.items()
        )
    )
    first = (
        select(entries.c.id)
        .where(*_due([kind for kind, _ in leases], is_one=is_one))
        .order_by(entries.c.available_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (
        update(entries)
        .where(entries.c.id == first.scalar_subquery())
        .values(
            state=State.LEASED,
            attempts=entries.c.attempts + 1,
            leased_until=until,
            available_at=until,
        )
        .returning(*(entries.c[one.name] for one in fields(Claim)))
    )


@lru_cache(maxsize=16)
def _look(kinds: tuple[str, ...], *, is_one: bool) -> db.Prepared:
    """Return the question that is asked before and after each piece of work."""
    return db.Prepared(select(entries.c.id).where(*_due(kinds, is_one=is_one)).limit(1))


def _due(kinds: Iterable[str], *, is_one: bool = False) -> tuple[Any, ...]:
    """Return the conditions of what is due at the parameter `now`, or is and has the id `one`."""
    now = db.parameter("now", db.UtcDateTime())
    due = IS_OPEN, entries.c.available_at <= now, entries.c.kind.in_(kinds)
    return (entries.c.id == db.parameter("one", db.Id()), *due) if is_one else due
