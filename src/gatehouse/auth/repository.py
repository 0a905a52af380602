"""All SQL about logging in, and the one query that every authenticated request costs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from gatehouse import guessing, roles, users
from gatehouse.auth.access_tokens import AccessClaims
from gatehouse.core import clock
from gatehouse.core.principal import Principal
from gatehouse.core.text import fold
from gatehouse.infra import db
from gatehouse.roles import Role, UserRole
from gatehouse.sessions import Session
from gatehouse.users import User

# Built once: what is bound at each request is the session, the person and the time.
_ACCESS = db.Prepared(
    select(*users.PUBLIC_COLUMNS, Role.name, Role.permissions)
    .select_from(Session)
    .join(User, User.id == Session.user_id)
    .outerjoin(UserRole, UserRole.user_id == User.id)
    .outerjoin(Role, Role.id == UserRole.role_id)
    .where(
        Session.id == db.parameter("session_id", db.Id()),
        User.id == db.parameter("user_id", db.Id()),
        Session.revoked_at.is_(None),
        Session.idle_expires_at > db.parameter("now", db.UtcDateTime()),
        Session.expires_at > db.parameter("now", db.UtcDateTime()),
        Session.epoch == User.session_epoch,
        User.is_active,
        User.deleted_at.is_(None),
    )
)


class Account(NamedTuple):
    """What a log-in needs of an account; `is_known_place` is about the place that it comes from."""

    id: UUID
    email: str
    password_hash: str
    session_epoch: int
    is_active: bool
    must_change_password: bool
    is_known_place: bool


def _by_name(folded: Any) -> db.Prepared:
    columns = [getattr(User, name) for name in Account._fields[:-1]]
    return db.Prepared(
        select(*columns, guessing.is_known_place(User.id)).where(
            folded == db.parameter("name", folded.type), User.deleted_at.is_(None)
        )
    )


_BY_EMAIL, _BY_USERNAME = _by_name(User.email_folded), _by_name(User.username_folded)


def principal_of(claims: AccessClaims) -> Principal | None:
    """Return the person behind a verified token as they are now; None if the session is dead.

    Session, account, roles and their permissions come in one query, and never from a cache.
    """
    rows = _access(claims.session_id, claims.user_id)
    if not rows:
        return None
    held = _roles(rows)
    return Principal(
        user_id=claims.user_id,
        session_id=claims.session_id,
        roles=frozenset(name for name, _ in held),
        permissions=roles.expand(held),
        auth_time=claims.auth_time,
        amr=claims.amr,
        user=dict(zip(users.PUBLIC_NAMES, rows[0], strict=False)),
    )


def permissions_in(session_id: UUID, *, user_id: UUID) -> frozenset[str] | None:
    """Return what a person may do in a session at this moment; None if it is dead.

    For what has no access token with each act, as a WebSocket.
    """
    rows = _access(session_id, user_id)
    return roles.expand(_roles(rows)) if rows else None


def candidate(folded: str, *, place: str, now: datetime) -> Account | None:
    """Return what a log-in needs of the account with this folded log-in name; else None."""
    statement = _BY_EMAIL if "@" in folded else _BY_USERNAME
    rows = db.reader.tuples(statement, {"name": folded, **guessing.place_values(place, now)})
    return Account(*rows[0]) if rows else None


def by_email(email: str) -> Any:
    """Return id, address, epoch and state of the open account with this e-mail; else None."""
    return db.reader.row(
        select(User.id, User.email, User.session_epoch, User.is_verified).where(
            User.email_folded == fold(email), User.is_active, User.deleted_at.is_(None)
        )
    )


def email_of(user_id: UUID) -> str | None:
    """Return the address of an account, deleted or not, in the unit."""
    found: str | None = db.session.scalar(select(User.email).where(User.id == user_id))
    return found


def _access(session_id: UUID, user_id: UUID) -> Sequence[Sequence[Any]]:
    asked = {"session_id": session_id, "user_id": user_id, "now": clock.now()}
    return db.reader.tuples(_ACCESS, asked)


def _roles(rows: Sequence[Sequence[Any]]) -> list[tuple[str, Any]]:
    return [(name, permissions) for *_, name, permissions in rows if name is not None]
