"""The table of people: who they are, and whether their account opens."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Table, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core import clock
from gatehouse.core.ids import new_id
from gatehouse.infra import db

EMAIL_LENGTH = 320
USERNAME_LENGTH = 50
NAME_LENGTH = 200
LOCALE_LENGTH = 35

NOT_DELETED = text("deleted_at IS NULL")
IS_DELETED = text("deleted_at IS NOT NULL")


def _unique_while_it_lives(name: str, column: str) -> Index:
    """A deleted account frees its address and its name at once."""
    return Index(name, column, unique=True, sqlite_where=NOT_DELETED, postgresql_where=NOT_DELETED)


class User(db.Model):
    """A person's account.

    `session_epoch` ends every session when it rises; `version` is the ETag, which a log-in does
    not raise. The `_folded` columns are the form by which names are compared, and the database
    alone decides whether one is taken.
    """

    __tablename__ = "users"
    __table_args__ = (
        _unique_while_it_lives("uq_users_email_folded", "email_folded"),
        _unique_while_it_lives("uq_users_username_folded", "username_folded"),
        Index("ix_users_created_at_id", "created_at", "id"),
        Index("ix_users_email_folded_id", "email_folded", "id"),
        Index("ix_users_username_folded_id", "username_folded", "id"),
        Index("ix_users_created_by", "created_by"),
        Index(
            "ix_users_deleted_at_id",
            "deleted_at",
            "id",
            sqlite_where=IS_DELETED,
            postgresql_where=IS_DELETED,
        ),
    )

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))
    email_folded: Mapped[str] = mapped_column(db.Key(EMAIL_LENGTH))
    pending_email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))
    username: Mapped[str | None] = mapped_column(String(USERNAME_LENGTH))
    username_folded: Mapped[str | None] = mapped_column(db.Key(USERNAME_LENGTH))
    name: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    locale: Mapped[str | None] = mapped_column(String(LOCALE_LENGTH))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    password_changed_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)
    must_change_password: Mapped[bool] = mapped_column(
        Boolean, default=False, server_default=false()
    )
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    is_verified: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    avatar: Mapped[str | None] = mapped_column(String(255))
    session_epoch: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(db.UtcDateTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)
    created_by: Mapped[UUID | None] = mapped_column(
        db.Id, ForeignKey("users.id", ondelete="SET NULL")
    )


users: Table = cast("Table", User.__table__)
columns: Any = users.c
