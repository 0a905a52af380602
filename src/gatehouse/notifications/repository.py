"""All SQL about recipients: active accounts, page by page."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from gatehouse.infra import db
from gatehouse.roles import UserRole
from gatehouse.users import User

_IS_OPEN = (User.is_active, User.deleted_at.is_(None))


def is_open(user_id: UUID) -> bool:
    """Tell, in the unit, whether an account is active and not deleted."""
    statement = select(User.id).where(User.id == user_id, *_IS_OPEN)
    return db.session.execute(statement).first() is not None


def recipients(
    *, user_id: UUID | None, role_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return up to `limit` open accounts by id, those after one; in the unit.

    They stay until it ends: whoever erases one finds what was written to them meanwhile.
    """
    statement = select(User.id, User.email, User.is_verified).where(*_IS_OPEN)
    key: Any = User.id
    if user_id is not None:
        statement = statement.where(User.id == user_id)
    if role_id is not None:
        statement = statement.join(UserRole, UserRole.user_id == User.id)
        statement = statement.where(UserRole.role_id == role_id)
        key = UserRole.user_id
    if after is not None:
        statement = statement.where(key > after)
    page = statement.order_by(key).limit(limit)
    locked: Any = page.with_for_update(read=True, key_share=True, of=User)
    return db.session.execute(locked).all()
