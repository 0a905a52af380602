"""All SQL about sessions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, delete, insert, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from gatehouse.infra import db
from gatehouse.sessions.accounts import ACCOUNTS, is_open
from gatehouse.sessions.models import Session, sessions

PURGE_BATCH = 1000
_ADD = insert(sessions)


def is_unended(now: Any) -> ColumnElement[bool]:
    """Return the condition that a session is not revoked and before both of its ends."""
    return and_(
        Session.revoked_at.is_(None), Session.idle_expires_at > now, Session.expires_at > now
    )


def is_living(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a session, joined with its account, is good for a request."""
    return and_(is_unended(now), Session.epoch == ACCOUNTS.c.session_epoch, is_open())


def add(values: Mapping[str, Any]) -> Session:
    """Write a session into the present unit, and return it."""
    db.session.execute(_ADD, values)
    return Session(**values)


def by_id(session_id: UUID) -> Session | None:
    """Return the session as it is now, locked for the rest of the unit."""
    statement = select(Session).where(Session.id == session_id).with_for_update()
    return db.session.scalars(
        statement, execution_options={"populate_existing": True}
    ).one_or_none()


def living_of(user_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """Return the living sessions of a person, the latest first."""
    columns = (
        Session.id,
        Session.created_at,
        Session.last_used_at,
        Session.expires_at,
        Session.address,
        Session.user_agent,
        Session.amr,
    )
    return db.reader.rows(
        select(*columns)
        .join(ACCOUNTS, ACCOUNTS.c.id == Session.user_id)
        .where(Session.user_id == user_id, is_living(now))
        .order_by(Session.id.desc())
    )


def living_among(session_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Return those of some sessions that live, in one query."""
    statement = select(Session.id).join(ACCOUNTS, ACCOUNTS.c.id == Session.user_id)
    rows = db.reader.rows(statement.where(Session.id.in_(session_ids), is_living(now)))
    return {row.id for row in rows}


def all_of(user_id: UUID) -> Sequence[Row[Any]]:
    """Return the sessions of a person, living or not, the latest first."""
    columns = (
        Session.id,
        Session.created_at,
        Session.last_used_at,
        Session.expires_at,
        Session.revoked_at,
        Session.address,
        Session.user_agent,
        Session.amr,
    )
    return db.reader.rows(
        select(*columns).where(Session.user_id == user_id).order_by(Session.id.desc())
    )


def remove_all(user_id: UUID) -> None:
    """Delete the sessions of a person."""
    statement = delete(Session).where(Session.user_id == user_id)
    db.session.execute(statement.execution_options(synchronize_session=False))


def rotate(
    session_id: UUID,
    generation: int,
    *,
    now: datetime,
    idle_end: datetime,
    used_at: datetime,
    place: str,
    agent: str,
) -> Session | None:
    """Raise the generation of a living session that still has `generation`, else None.

    One statement decides the race between two refreshes with one token.
    """
    asked = {
        "session_id": session_id,
        "spent": generation,
        "now": now,
        "idle_end": idle_end,
        "used_at": used_at,
        "new_place": place,
        "new_agent": agent,
    }
    return db.session.scalars(_ROTATE, asked).one_or_none()


def is_account_in_epoch(user_id: UUID, epoch: int) -> bool:
    """Tell whether the account is open and still in `epoch`."""
    statement = select(ACCOUNTS.c.id).where(
        ACCOUNTS.c.id == user_id, ACCOUNTS.c.session_epoch == epoch, is_open()
    )
    return db.session.execute(statement).first() is not None


def revoke(
    now: datetime,
    *,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    except_id: UUID | None = None,
) -> list[UUID]:
    """Revoke one living session or those of a person; return the ids of those that ended by it."""
    statement = update(Session).where(Session.revoked_at.is_(None)).values(revoked_at=now)
    if user_id is not None:
        statement = statement.where(Session.user_id == user_id)
    if session_id is not None:
        statement = statement.where(Session.id == session_id, is_unended(now))
    if except_id is not None:
        statement = statement.where(Session.id != except_id)
    returning = statement.returning(Session.id).execution_options(synchronize_session=False)
    return list(db.session.scalars(returning))


def set_epoch(session_id: UUID, epoch: int) -> None:
    """Carry a session along into a new epoch of its account."""
    db.session.execute(
        update(Session)
        .where(Session.id == session_id)
        .values(epoch=epoch)
        .execution_options(synchronize_session=False)
    )


def purge(before: datetime) -> int:
    """Delete a batch of sessions that ended before a moment; return how many."""
    # The idle end never lies after the absolute one.
    ended = or_(Session.idle_expires_at < before, Session.revoked_at < before)
    batch = select(Session.id).where(ended).limit(PURGE_BATCH)
    statement = (
        delete(Session)
        .where(Session.id.in_(batch))
        .returning(Session.id)
        .execution_options(synchronize_session=False)
    )
    return len(db.session.scalars(statement).all())


def _rotation() -> ReturningUpdate[Session]:
    """Return the statement of `rotate`, which is built once: refreshing is what clients do most."""
    now, idle_end, used_at = (
        db.parameter(name, db.UtcDateTime()) for name in ("now", "idle_end", "used_at")
    )
    spent = db.parameter("spent", Session.generation.type)
    epoch = select(ACCOUNTS.c.session_epoch).where(ACCOUNTS.c.id == Session.user_id, is_open())
    return (
        update(Session)
        .where(
            Session.id == db.parameter("session_id", db.Id()),
            Session.generation == spent,
            is_unended(now),
            Session.epoch == epoch.scalar_subquery(),
        )
        .values(
            generation=spent + 1,
            rotated_at=now,
            idle_expires_at=case(
                (Session.expires_at < idle_end, Session.expires_at), else_=idle_end
            ),
            # A rounded moment may lie before the log-in.
            last_used_at=case((Session.created_at > used_at, Session.created_at), else_=used_at),
            rotated_place=db.parameter("new_place", Session.rotated_place.type),
            rotated_agent=db.parameter("new_agent", Session.rotated_agent.type),
        )
        .returning(Session)
        .execution_options(synchronize_session=False)
    )


_ROTATE = _rotation()
