"""Whom a command means: people are named by e-mail address, username or id."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, exists, or_, select

from gatehouse import roles, sessions, users
from gatehouse.cli.failures import Failed
from gatehouse.cli.output import cell
from gatehouse.core import clock
from gatehouse.core.text import fold
from gatehouse.infra import db
from gatehouse.roles import UserRole
from gatehouse.users import User

_ID = User.__table__.c.id
_SHOWN = (*users.PUBLIC_COLUMNS, roles.names_column(_ID).label("role_names"))
_BATCH = 1_000
_PATIENCE_SECONDS = 60


def living(name: str) -> Row[Any]:
    """Return the account that `name` means."""
    row = users.found(name)
    if row is None:
        raise Failed(f"there is no account {cell(name)}")
    if row.deleted_at is not None:
        raise Failed(f"{row.email} was deleted at {cell(row.deleted_at)}; flask users restore")
    return row


def any_state(name: str) -> Row[Any]:
    """Return the account that `name` means, also a deleted one."""
    row = users.found(name)
    return row if row is not None else deleted(name)


def deleted(name: str) -> Row[Any]:
    """Return the deleted account that `name` means; an address may have belonged to several."""
    row = users.found(name)
    if row is not None and row.deleted_at is not None:
        return row
    folded = users.fold_login_name(name)
    ids = db.reader.rows(
        select(User.id)
        .where(or_(User.email_folded == folded, User.username_folded == folded))
        .where(User.deleted_at.is_not(None))
        .order_by(User.deleted_at.desc())
    )
    if not ids:
        state = "there is no account" if row is None else "there is no deleted account"
        raise Failed(f"{state} {cell(name)}")
    if len(ids) > 1:
        raise Failed(
            f"{len(ids)} deleted accounts had that name, name one by its id: {_these(ids)}"
        )
    found = users.found(str(ids[0].id))
    if found is None:
        raise Failed(f"there is no account {cell(name)}")
    return found


def listed(
    *,
    prefix: str | None,
    role_id: UUID | None,
    is_active: bool | None,
    is_deleted: bool,
    limit: int,
) -> list[Row[Any]]:
    """Return accounts, the latest first, in batches that run along an index."""
    statement: Select[Any] = select(*_SHOWN).where(
        User.deleted_at.is_not(None) if is_deleted else User.deleted_at.is_(None)
    )
    if prefix is not None:
        folded = fold(prefix)
        names = User.email_folded, User.username_folded
        statement = statement.where(or_(*(n.startswith(folded, autoescape=True) for n in names)))
    if role_id is not None:
        # By its id: only then does PostgreSQL know whether few or nearly all people have it.
        has_it = exists().where(UserRole.user_id == User.id, UserRole.role_id == role_id)
        statement = statement.where(has_it)
    if is_active is not None:
        statement = statement.where(User.is_active.is_(is_active))
    statement = statement.order_by(User.created_at.desc(), User.id.desc())
    found: list[Row[Any]] = []
    with _patient_reader() as connection:
        while len(found) < limit:
            size = min(_BATCH, limit - len(found))
            rows = connection.execute(_after(statement, found).limit(size)).all()
            found.extend(rows)
            if len(rows) < size:
                break
    return found


def session_of(session_id: UUID) -> Row[Any] | None:
    """Return id and owner of a living session."""
    accounts = sessions.ACCOUNTS
    return db.reader.row(
        select(sessions.Session.id, sessions.Session.user_id)
        .join(accounts, accounts.c.id == sessions.Session.user_id)
        .where(sessions.Session.id == session_id, sessions.is_living(clock.now()))
    )


def _after(statement: Select[Any], found: list[Row[Any]]) -> Select[Any]:
    """Continue behind the last row that was found."""
    if not found:
        return statement
    last = found[-1]
    is_older = User.created_at < last.created_at
    return statement.where(
        or_(is_older, (User.created_at == last.created_at) & (User.id < last.id))
    )


@contextmanager
def _patient_reader() -> Iterator[Connection]:
    """Give a reading connection whose statements may take longer than those of a request."""
    with db.reader.engine.connect() as connection:
        db.patient(connection, seconds=_PATIENCE_SECONDS)
        yield connection


def _these(rows: Sequence[Row[Any]]) -> str:
    return ", ".join(str(row.id) for row in rows[:5])
