"""All SQL about guesses: each counter is raised by one statement, before the guess is judged."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    and_,
    case,
    delete,
    exists,
    or_,
    select,
    union,
    update,
)

from gatehouse.guessing.models import counters, known_places
from gatehouse.infra import db
from gatehouse.sessions import ACCOUNTS, Session, is_unended

DAY = timedelta(hours=24)
FREE_FAILURES = 10
LONGEST_WAIT_SECONDS = 900
JUDGED_A_DAY = 100
PLACE_BURST, PLACE_BURST_WINDOW, PLACE_DAY = 10, timedelta(minutes=15), 50
PLACES_KEPT, PLACES_KEPT_FOR = 10, timedelta(days=90)
# The failures after which one waits, but less than the longest, and what their parameter is called.
_RISING = {n: f"latest_after_{n}" for n in range(FREE_FAILURES, FREE_FAILURES + 10)}


def wait_seconds(failures: int) -> int:
    """Return how long after the last guess the next one waits: 0 for ten, then 1, 2, 4 … 900."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(2 ** (failures - FREE_FAILURES), LONGEST_WAIT_SECONDS))


def reserve_from_anywhere(key: str, now: datetime) -> int | None:
    """Count one guess; return the failures with it, or None when the throttle holds."""
    waits = {name: wait_seconds(n) for n, name in _RISING.items()}
    waits["latest"] = LONGEST_WAIT_SECONDS
    latest = {name: now - timedelta(seconds=wait) for name, wait in waits.items()}
    return _reserve(_counted_from_anywhere(), key, now, latest)


def reserve_from_place(key: str, now: datetime) -> int | None:
    """Count one guess from a known place; return the failures with it, or None."""
    return _reserve(_counted_from_place(), key, now, {"burst_before": now - PLACE_BURST_WINDOW})


def counter(key: str) -> Any:
    """Return the row of a counter, for the time that a throttle still holds."""
    return db.session.execute(select(counters).where(counters.c.key == key)).one()


def refund(key: str) -> None:
    """Take back one counted guess that turned out right."""
    db.session.execute(_REFUND, {"counter": key})


def clear(keys: Collection[str]) -> None:
    """Forget counters."""
    db.session.execute(delete(counters).where(counters.c.key.in_(keys)))


def is_known_place(user_id: Any) -> ColumnElement[bool]:
    """Return the condition that the person of a column has logged in from a place.

    A statement with it wants what `place_values` returns.
    """
    place = db.parameter("place", known_places.c.place.type)
    recent = (
        select(known_places.c.place)
        .where(
            known_places.c.user_id == user_id,
            known_places.c.last_used_at > db.parameter("known_since", db.UtcDateTime()),
        )
        .order_by(known_places.c.last_used_at.desc())
        .limit(PLACES_KEPT)
        .correlate_except(known_places)
    )
    unended = is_unended(db.parameter("now", db.UtcDateTime()))
    living = exists().where(Session.user_id == user_id, Session.place == place, unended)
    return or_(place.in_(recent), living.correlate_except(Session))


def place_values(place: str, now: datetime) -> dict[str, Any]:
    """Return what a statement with `is_known_place` wants to be told."""
    return {"place": place, "now": now, "known_since": now - PLACES_KEPT_FOR}


def places_of(user_id: UUID) -> Sequence[Row[Any]]:
    """Return the places from which a person has logged in, the latest first."""
    columns = known_places.c.place, known_places.c.last_used_at
    statement = select(*columns).where(known_places.c.user_id == user_id)
    return db.reader.rows(statement.order_by(known_places.c.last_used_at.desc()))


def places(user_id: UUID) -> Sequence[str]:
    """Return every place that may be known of a person."""
    known = select(known_places.c.place).where(known_places.c.user_id == user_id)
    return db.session.scalars(
        union(known, select(Session.place).where(Session.user_id == user_id))
    ).all()


def remember_place(user_id: UUID, place: str, now: datetime) -> None:
    """Make a place known, or known anew."""
    values = {"user_id": user_id, "place": place, "last_used_at": now}
    db.session.execute(_remembered(), values)


def forget_places(user_id: UUID) -> None:
    """Make every place of a person unknown."""
    db.session.execute(delete(known_places).where(known_places.c.user_id == user_id))


def account(user_id: UUID, place: str, now: datetime) -> Any:
    """Return hash, epoch and whether the place is known, of an open account; else None."""
    return db.reader.row(_ACCOUNT, {"user_id": user_id, **place_values(place, now)})


def purge(now: datetime) -> None:
    """Forget counters a day after the last guess, and places that are too old to count."""
    db.session.execute(delete(counters).where(counters.c.last_at < now - DAY))
    old = known_places.c.last_used_at < now - PLACES_KEPT_FOR
    db.session.execute(delete(known_places).where(old))


def _reserve(
    statement: Executable, key: str, now: datetime, moments: Mapping[str, datetime]
) -> int | None:
    asked = {"counter": key, "now": now, "day_before": now - DAY, **moments}
    counted: int | None = db.session.scalar(statement, asked)
    return counted


def _moment(name: str) -> ColumnElement[datetime]:
    moment: ColumnElement[datetime] = db.parameter(name, db.UtcDateTime())
    return moment


@db.built_once
def _counted_from_anywhere() -> Executable:
    latest = case(
        {n: _moment(name) for n, name in _RISING.items()},
        value=counters.c.failures,
        else_=_moment("latest"),
    )
    is_new_day = counters.c.day_started_at <= _moment("day_before")
    may_go_on = and_(counters.c.last_at <= latest, counters.c.day_count < JUDGED_A_DAY)
    return _counted(
        is_new_burst=is_new_day,
        is_new_day=is_new_day,
        allowed=or_(is_new_day, counters.c.failures < FREE_FAILURES, may_go_on),
    )


@db.built_once
def _counted_from_place() -> Executable:
    is_new_day = counters.c.day_started_at <= _moment("day_before")
    is_new_burst = counters.c.burst_started_at <= _moment("burst_before")
    allowed = and_(
        or_(is_new_burst, counters.c.failures < PLACE_BURST),
        or_(is_new_day, counters.c.day_count < PLACE_DAY),
    )
    return _counted(is_new_burst=is_new_burst, is_new_day=is_new_day, allowed=allowed)


def _counted(
    *,
    is_new_burst: ColumnElement[bool],
    is_new_day: ColumnElement[bool],
    allowed: ColumnElement[bool],
) -> Executable:
    """Return the statement that counts a guess where that is `allowed`."""
    now, was = _moment("now"), counters.c
    first = {
        "key": db.parameter("counter", was.key.type),
        "failures": 1,
        "burst_started_at": now,
        "day_count": 1,
        "day_started_at": now,
        "last_at": now,
    }
    again = {
        "failures": case((is_new_burst, 1), else_=was.failures + 1),
        "burst_started_at": case((is_new_burst, now), else_=was.burst_started_at),
        "day_count": case((is_new_day, 1), else_=was.day_count + 1),
        "day_started_at": case((is_new_day, now), else_=was.day_started_at),
        "last_at": now,
    }
    statement = db.upsert(counters).values(first)
    counted: Executable = statement.on_conflict_do_update(
        index_elements=[was.key], set_=again, where=allowed
    ).returning(was.failures)
    return counted


@db.built_once
def _remembered() -> Executable:
    statement = db.upsert(known_places)
    remembered: Executable = statement.on_conflict_do_update(
        index_elements=[known_places.c.user_id, known_places.c.place],
        set_={"last_used_at": statement.excluded.last_used_at},
    )
    return remembered


_REFUND = (
    update(counters)
    .where(counters.c.key == db.parameter("counter", counters.c.key.type), counters.c.failures > 0)
    .values(failures=counters.c.failures - 1, day_count=counters.c.day_count - 1)
)
_ACCOUNT = select(
    ACCOUNTS.c.password_hash,
    ACCOUNTS.c.session_epoch,
    is_known_place(ACCOUNTS.c.id).label("is_known_place"),
).where(ACCOUNTS.c.id == db.parameter("user_id", db.Id()), ACCOUNTS.c.deleted_at.is_(None))
