"""What is counted while passwords are guessed."""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ForeignKey, Table
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.infra import db


class GuessCounter(db.Model):
    """The guesses at one account, from all unknown places or from one known place.

    The key is an HMAC, so that names that do not exist are counted alike and not kept.
    `failures` counts since `burst_started_at`, `day_count` since `day_started_at`.
    """

    __tablename__ = "guess_counters"

    key: Mapped[str] = mapped_column(db.Key(64), primary_key=True)
    failures: Mapped[int]
    burst_started_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    day_count: Mapped[int]
    day_started_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)


class KnownPlace(db.Model):
    """An address bucket from which a person has completed a log-in."""

    __tablename__ = "known_places"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[str] = mapped_column(db.Key(64), primary_key=True)
    last_used_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)


counters: Table = cast("Table", GuessCounter.__table__)
known_places: Table = cast("Table", KnownPlace.__table__)
