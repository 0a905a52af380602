"""A session: one row a log-in, refreshed by raising its generation."""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core.ids import new_id
from gatehouse.infra import db

IS_REVOKED = text("revoked_at IS NOT NULL")


class Session(db.Model):
    """One device's log-in.

    `epoch` is the account's epoch at log-in: when that rises, the session is dead. `place` is the
    bucket of the address of the log-in; `rotated_place` and `rotated_agent` say who refreshed last.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "ix_sessions_revoked_at",
            "revoked_at",
            sqlite_where=IS_REVOKED,
            postgresql_where=IS_REVOKED,
        ),
    )

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True, nullable=False
    )
    epoch: Mapped[int]
    generation: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    rotated_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    idle_expires_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)
    auth_time: Mapped[datetime] = mapped_column(db.UtcDateTime)
    amr: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(45))
    place: Mapped[str] = mapped_column(db.Key(64))
    user_agent: Mapped[str] = mapped_column(String(255))
    rotated_place: Mapped[str] = mapped_column(db.Key(64))
    rotated_agent: Mapped[str] = mapped_column(String(255))


sessions: Table = cast("Table", Session.__table__)
