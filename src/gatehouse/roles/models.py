"""Roles and who has them."""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Integer, String, Table, false, text
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core import clock
from gatehouse.core.ids import new_id
from gatehouse.infra import db

NAME_LENGTH = 50
DESCRIPTION_LENGTH = 200


class Role(db.Model):
    """A named set of permissions; `version` is its ETag.

    Read the permissions through `rights.expand`: the row of super_admin lists none.
    """

    __tablename__ = "roles"

    id: Mapped[UUID] = mapped_column(db.Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(db.Key(NAME_LENGTH), unique=True)
    description: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH))
    permissions: Mapped[list[str]] = mapped_column(db.Json)
    is_built_in: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    version: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(db.UtcDateTime, default=clock.now)


class UserRole(db.Model):
    """A person has a role.

    A role that somebody has cannot be deleted; the database sees to that, whoever is faster.
    `granted_by` is no foreign key, because the fact outlives the person who granted.
    """

    __tablename__ = "user_roles"

    user_id: Mapped[UUID] = mapped_column(
        db.Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role_id: Mapped[UUID] = mapped_column(
        db.Id, ForeignKey("roles.id"), primary_key=True, index=True
    )
    granted_at: Mapped[datetime] = mapped_column(db.UtcDateTime, default=clock.now)
    granted_by: Mapped[UUID | None] = mapped_column(db.Id)


roles: Table = cast("Table", Role.__table__)
user_roles: Table = cast("Table", UserRole.__table__)
