"""The ledger: one row a fact, who, whom, what, from where, when; never a secret."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Integer, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.infra import db

ADDRESS_LENGTH = 45
USER_AGENT_LENGTH = 255
REQUEST_ID_LENGTH = 64
TARGET_LENGTH = 100

IS_COUNTED = text("counted_as IS NOT NULL")


class LedgerEntry(db.Model):
    """A fact, written in the transaction that made it true.

    Actor and subject are no foreign keys: the ledger outlives people. The id carries the time of
    `occurred_at`, so that order, windows of time and purge all run along the primary key.
    A fact that a stranger can repeat at will has a `counted_as`: its repetitions within a window
    raise `occurrences` and leave the rest of the row as the first one wrote it.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_subject_id_id", "subject_id", "id"),
        Index("ix_events_actor_id_id", "actor_id", "id"),
        Index("ix_events_type_id", "type", "id"),
        Index(
            "uq_events_counted_as",
            "counted_as",
            unique=True,
            sqlite_where=IS_COUNTED,
            postgresql_where=IS_COUNTED,
        ),
    )

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True)
    type: Mapped[str] = mapped_column(db.Key(60))
    occurred_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    actor_id: Mapped[UUID | None] = mapped_column(db.Id)
    subject_id: Mapped[UUID | None] = mapped_column(db.Id)
    target: Mapped[str | None] = mapped_column(String(TARGET_LENGTH))
    address: Mapped[str | None] = mapped_column(String(ADDRESS_LENGTH))
    user_agent: Mapped[str | None] = mapped_column(String(USER_AGENT_LENGTH))
    request_id: Mapped[str] = mapped_column(String(REQUEST_ID_LENGTH))
    details: Mapped[dict[str, Any]] = mapped_column(db.Json)
    occurrences: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    counted_as: Mapped[str | None] = mapped_column(db.Key(64))


events: Table = cast("Table", LedgerEntry.__table__)
