"""A spent ticket: its id alone, for as long as it could come again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.infra import db


class SpentTicket(db.Model):
    """A ticket is written down when it is used, not when it is given."""

    __tablename__ = "spent_tickets"

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(db.UtcDateTime, index=True)
