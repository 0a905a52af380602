"""The table of uploads on their way: who may confirm what, until when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core.ids import new_id
from gatehouse.infra import db


class Upload(db.Model):
    """One upload that a person announced.

    It arrives as `incoming/<id>`; what is kept of it gets the name `kept`, which nobody knows
    before. Rows go a day after they were made, confirmed or not.
    """

    __tablename__ = "uploads"

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True, nullable=False
    )
    kept: Mapped[str] = mapped_column(db.Key(64))
    content_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)
