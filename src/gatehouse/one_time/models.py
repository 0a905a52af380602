"""A one-time token: one purpose, one use, a short life, and a digest in the table."""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core.ids import new_id
from gatehouse.infra import db


class OneTimeToken(db.Model):
    """Bound to person, purpose, address and epoch; the token itself is derived, never stored."""

    __tablename__ = "one_time_tokens"

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    purpose: Mapped[str] = mapped_column(db.Key(40))
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True, nullable=False
    )
    address: Mapped[str | None] = mapped_column(String(320))
    epoch: Mapped[int]
    digest: Mapped[str] = mapped_column(db.Key(64))
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)
    consumed_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)


tokens = cast(Table, OneTimeToken.__table__)
