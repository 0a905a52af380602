"""All SQL about guesses: each counter is raised by one statement, before the guess is judged."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    or_,
    select,
    union,
    update,
)

from gatehouse.guessing.models import GuessCounter, KnownPlace
from gatehouse.infra import db
from gatehouse.sessions import ACCOUNTS, Session, is_unended

DAY = timedelta(hours=24)
FREE_FAILURES = 10
LONGEST_WAIT_SECONDS = 900
JUDGED_A_DAY = 100
PLACE_BURST, PLACE_BURST_WINDOW, PLACE_DAY = 10, timedelta(minutes=15), 50
PLACES_KEPT, PLACES_KEPT_FOR = 10, timedelta(days=90)


def wait_seconds(failures: int) -> int:
    """Return how long after the last guess the next one waits: 0 for ten, then 1, 2, 4 … 900."""
    if failures < FREE_FAILURES:
        return 0
    return int(min(2 ** (failures - FREE_FAILURES), LONGEST_WAIT_SECONDS))


def reserve_from_anywhere(key: str, now: datetime) -> int | None:
    """Count one guess; return the failures with it, or None when the throttle holds."""
    waits = {n: wait_seconds(n) for n in range(FREE_FAILURES, FREE_FAILURES + 11)}
    latest = case(
        {n: now - timedelta(seconds=seconds) for n, seconds in waits.items()},
        value=GuessCounter.failures,
        else_=case(
            (GuessCounter.failures < FREE_FAILURES, now),
            else_=now - timedelta(seconds=LONGEST_WAIT_SECONDS),
        ),
    )
    is_new_day = GuessCounter.day_started_at <= now - DAY
    may_go_on = and_(GuessCounter.last_at <= latest, GuessCounter.day_count < JUDGED_A_DAY)
    return _reserve(
        key,
        now,
        is_new_burst=is_new_day,
        is_new_day=is_new_day,
        allowed=or_(is_new_day, GuessCounter.failures < FREE_FAILURES, may_go_on),
    )


def reserve_from_place(key: str, now: datetime) -> int | None:
    """Count one guess from a known place; return the failures with it, or None."""
    is_new_day = GuessCounter.day_started_at <= now - DAY
    is_new_burst = GuessCounter.burst_started_at <= now - PLACE_BURST_WINDOW
    allowed = and_(
        or_(is_new_burst, GuessCounter.failures < PLACE_BURST),
        or_(is_new_day, GuessCounter.day_count < PLACE_DAY),
    )
    return _reserve(key, now, is_new_burst=is_new_burst, is_new_day=is_new_day, allowed=allowed)


def counter(key: str) -> Any:
    """Return the row of a counter as columns, for the time that a throttle still holds."""
    columns = (
        GuessCounter.failures,
        GuessCounter.burst_started_at,
        GuessCounter.day_count,
        GuessCounter.day_started_at,
        GuessCounter.last_at,
    )
    return db.session.execute(select(*columns).where(GuessCounter.key == key)).one()


def refund(key: str) -> None:
    """Take back one counted guess that turned out right."""
    db.session.execute(
        update(GuessCounter)
        .where(GuessCounter.key == key, GuessCounter.failures > 0)
        .values(failures=GuessCounter.failures - 1, day_count=GuessCounter.day_count - 1)
        .execution_options(synchronize_session=False)
    )


def clear(keys: Collection[str]) -> None:
    """Forget counters."""
    db.session.execute(
        delete(GuessCounter)
        .where(GuessCounter.key.in_(keys))
        .execution_options(synchronize_session=False)
    )


def is_known_place(user_id: Any, place: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that the person of a column has logged in from `place`."""
    recent = (
        select(KnownPlace.place)
        .where(KnownPlace.user_id == user_id, KnownPlace.last_used_at > now - PLACES_KEPT_FOR)
        .order_by(KnownPlace.last_used_at.desc())
        .limit(PLACES_KEPT)
        .correlate_except(KnownPlace)
    )
    living = exists().where(Session.user_id == user_id, Session.place == place, is_unended(now))
    return or_(bindparam(None, place).in_(recent), living.correlate_except(Session))


def known_places(user_id: UUID) -> Sequence[Row[Any]]:
    """Return the places from which a person has logged in, the latest first."""
    columns = KnownPlace.place, KnownPlace.last_used_at
    statement = select(*columns).where(KnownPlace.user_id == user_id)
    return db.reader.rows(statement.order_by(KnownPlace.last_used_at.desc()))


def places(user_id: UUID) -> Sequence[str]:
    """Return every place that may be known of a person."""
    known = select(KnownPlace.place).where(KnownPlace.user_id == user_id)
    return db.session.scalars(
        union(known, select(Session.place).where(Session.user_id == user_id))
    ).all()


def remember_place(user_id: UUID, place: str, now: datetime) -> None:
    """Make a place known, or known anew."""
    statement = db.upsert(KnownPlace).values(user_id=user_id, place=place, last_used_at=now)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[KnownPlace.user_id, KnownPlace.place], set_={"last_used_at": now}
        )
    )


def forget_places(user_id: UUID) -> None:
    """Make every place of a person unknown."""
    db.session.execute(
        delete(KnownPlace)
        .where(KnownPlace.user_id == user_id)
        .execution_options(synchronize_session=False)
    )


def account(user_id: UUID, place: str, now: datetime) -> Any:
    """Return hash, epoch and whether the place is known, of an open account; else None."""
    return db.reader.row(
        select(
            ACCOUNTS.c.password_hash,
            ACCOUNTS.c.session_epoch,
            is_known_place(ACCOUNTS.c.id, place, now).label("is_known_place"),
        ).where(ACCOUNTS.c.id == user_id, ACCOUNTS.c.deleted_at.is_(None))
    )


def purge(now: datetime) -> None:
    """Forget counters a day after the last guess, and places that are too old to count."""
    for stale in (
        delete(GuessCounter).where(GuessCounter.last_at < now - DAY),
        delete(KnownPlace).where(KnownPlace.last_used_at < now - PLACES_KEPT_FOR),
    ):
        db.session.execute(stale.execution_options(synchronize_session=False))


def _reserve(
    key: str,
    now: datetime,
    *,
    is_new_burst: ColumnElement[bool],
    is_new_day: ColumnElement[bool],
    allowed: ColumnElement[bool],
) -> int | None:
    statement = db.upsert(GuessCounter).values(
        key=key, failures=1, burst_started_at=now, day_count=1, day_started_at=now, last_at=now
    )
    counted: int | None = db.session.scalars(
        statement.on_conflict_do_update(
            index_elements=[GuessCounter.key],
            set_={
                "failures": case((is_new_burst, 1), else_=GuessCounter.failures + 1),
                "burst_started_at": case((is_new_burst, now), else_=GuessCounter.burst_started_at),
                "day_count": case((is_new_day, 1), else_=GuessCounter.day_count + 1),
                "day_started_at": case((is_new_day, now), else_=GuessCounter.day_started_at),
                "last_at": now,
            },
            where=allowed,
        ).returning(GuessCounter.failures)
    ).one_or_none()
    return counted
