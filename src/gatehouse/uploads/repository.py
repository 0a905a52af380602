"""All SQL about uploads."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Row, Table, delete, insert, select, update

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.uploads.models import Upload

BATCH = 100
uploads = cast("Table", Upload.__table__)


def add(values: Mapping[str, Any]) -> None:
    """Insert an upload; in a unit."""
    db.session.execute(insert(uploads).values(**values))


def own(upload_id: UUID, *, user_id: UUID) -> Row[Any] | None:
    """Return a person's upload, read outside of any unit."""
    statement = select(uploads).where(uploads.c.id == upload_id, uploads.c.user_id == user_id)
    return db.reader.row(statement)


def of_user(user_id: UUID) -> Sequence[Row[Any]]:
    """Return a person's uploads, oldest first, read outside of any unit."""
    return db.reader.rows(
        select(uploads).where(uploads.c.user_id == user_id).order_by(uploads.c.id)
    )


def confirm(upload_id: UUID) -> bool:
    """Mark an upload as confirmed, in a unit; False if it is already, or gone."""
    statement = (
        update(uploads)
        .where(uploads.c.id == upload_id, uploads.c.confirmed_at.is_(None))
        .values(confirmed_at=clock.now())
    )
    return _count(statement) == 1


def remove_unconfirmed(upload_id: UUID) -> bool:
    """Delete an upload that nobody has confirmed, in a unit; tell whether it was there."""
    statement = delete(uploads).where(uploads.c.id == upload_id, uploads.c.confirmed_at.is_(None))
    return _count(statement) == 1


def is_there(upload_id: UUID) -> bool:
    """Tell whether there is such an upload, as the present unit sees it."""
    statement = select(uploads.c.id).where(uploads.c.id == upload_id)
    return db.session.scalar(statement) is not None


def take_unconfirmed(user_id: UUID, *, but: int) -> Sequence[Row[Any]]:
    """Delete all but the newest uploads that a person has not confirmed; return them; in a unit."""
    older = (
        select(uploads.c.id)
        .where(uploads.c.user_id == user_id, uploads.c.confirmed_at.is_(None))
        .order_by(uploads.c.id.desc())
        .offset(but)
    )
    statement = delete(uploads).where(uploads.c.id.in_(older), uploads.c.confirmed_at.is_(None))
    return db.session.execute(statement.returning(uploads)).all()


def take_of_user(user_id: UUID) -> Sequence[Row[Any]]:
    """Delete a person's uploads and return them; in a unit."""
    statement = delete(uploads).where(uploads.c.user_id == user_id).returning(uploads)
    return db.session.execute(statement).all()


def made_before(moment: datetime) -> Sequence[Row[Any]]:
    """Return a batch of the oldest uploads that were announced before a moment."""
    old = select(uploads).where(uploads.c.created_at < moment).order_by(uploads.c.created_at)
    return db.reader.rows(old.limit(BATCH))


def remove(upload_ids: Collection[UUID]) -> None:
    """Delete uploads; in a unit."""
    db.session.execute(delete(uploads).where(uploads.c.id.in_(upload_ids)))


def _count(statement: Any) -> int:
    return cast("CursorResult[Any]", db.session.execute(statement)).rowcount
