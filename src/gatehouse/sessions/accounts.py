"""The few columns of `users` that say whether a session or a token still lives.

The users feature comes after this one and owns the table, so it is named here as SQL knows it.
"""

from sqlalchemy import Boolean, ColumnElement, Integer, String, and_, column, table

from gatehouse.infra import db

ACCOUNTS = table(
    "users",
    column("id", db.Id()),
    column("password_hash", String()),
    column("session_epoch", Integer()),
    column("is_active", Boolean()),
    column("deleted_at", db.UtcDateTime()),
)


def is_open() -> ColumnElement[bool]:
    """Return the condition that the account is active and not deleted."""
    return and_(ACCOUNTS.c.is_active, ACCOUNTS.c.deleted_at.is_(None))
