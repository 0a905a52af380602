"""The table of idempotency keys: what was asked under a key, and what was answered.

A row is claimed before the work begins and holds the answer once it is done. Whoever dies in
between leaves a claim that runs out; whoever is slow finds that it did, and changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from flask import Flask
from sqlalchemy import CursorResult, ForeignKey, Row, String, Table, Text, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core import clock
from gatehouse.infra import db, jobs

KEPT_FOR = timedelta(hours=24)
BATCH = 1_000


class IdempotencyKey(db.Model):
    """One key of one caller. Erasing the caller, or whom the answer is about, takes it along.

    `digest` names caller and key, `fingerprint` is the HMAC of what was asked, and `permissions`
    are those that the caller had. Without a `status` nothing has been answered yet.
    """

    __tablename__ = "idempotency_keys"

    digest: Mapped[str] = mapped_column(db.Key(64), primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    subject_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    fingerprint: Mapped[str] = mapped_column(String(64))
    permissions: Mapped[list[str]] = mapped_column(db.Json)
    mismatches: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime] = mapped_column(db.UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, str]] = mapped_column(db.Json)
    body: Mapped[str] = mapped_column(Text)


keys = cast(Table, IdempotencyKey.__table__)


def init_app(app: Flask) -> None:
    """Let housekeeping forget old keys; needs `jobs.init_app` before."""
    jobs.declare(app, {}, {"idempotency.purge": (timedelta(hours=1), purge)})


def add(values: Mapping[str, Any]) -> bool:
    """Claim a key that nobody has used; False, and nothing written, if somebody has."""
    claimed = db.upsert(keys).values(**values).on_conflict_do_nothing().returning(keys.c.digest)
    return db.session.execute(claimed).first() is not None


def locked(digest: str) -> Row[Any] | None:
    """Return the row of a key, which nobody else changes before the unit ends."""
    return db.session.execute(
        select(keys).where(keys.c.digest == digest).with_for_update()
    ).one_or_none()


def change(digest: str, values: Mapping[str, Any]) -> None:
    """Write values into the row of a key that is locked."""
    db.session.execute(update(keys).where(keys.c.digest == digest).values(**values))


def answer(digest: str, claimed_until: datetime, values: Mapping[str, Any]) -> bool:
    """Write the answer beside its effect; False if the claim has passed to somebody else."""
    return _count(update(keys).where(*_claim(digest, claimed_until)).values(**values)) == 1


def release(digest: str, claimed_until: datetime) -> None:
    """Forget a claim under which nothing was done."""
    db.session.execute(delete(keys).where(*_claim(digest, claimed_until)))


def purge() -> None:
    """Delete keys that are a day old, in small units."""
    old = select(keys.c.digest).where(keys.c.created_at < clock.now() - KEPT_FOR).limit(BATCH)
    while True:
        with db.unit():
            deleted = _count(delete(keys).where(keys.c.digest.in_(old)))
        if deleted < BATCH:
            return


def _claim(digest: str, claimed_until: datetime) -> tuple[Any, ...]:
    return (
        keys.c.digest == digest,
        keys.c.claimed_until == claimed_until,
        keys.c.status.is_(None),
    )


def _count(statement: Any) -> int:
    return cast("CursorResult[Any]", db.session.execute(statement)).rowcount
