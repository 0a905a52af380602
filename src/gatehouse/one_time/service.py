"""Issuing and spending one-time tokens.

A token is `<id>.<HMAC of id and purpose>`. The row keeps its SHA-256, mail carries the id and
derives the link when it is sent, so no table, queue or log ever holds a token that works.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from gatehouse.core import clock
from gatehouse.core.ids import new_id, parse_id
from gatehouse.infra import db, secrets
from gatehouse.one_time.models import OneTimeToken, tokens
from gatehouse.one_time.vocabulary import LIFETIMES, OneTimeTokenInvalid, Purpose
from gatehouse.sessions import ACCOUNTS

MAX_LENGTH = 256
_LIVING = db.Prepared(
    select(tokens.c.id).where(
        tokens.c.id == db.parameter("id", db.Id()),
        tokens.c.consumed_at.is_(None),
        tokens.c.expires_at > db.parameter("now", db.UtcDateTime()),
    )
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a living token stands for."""

    purpose: Purpose
    user_id: UUID
    address: str | None
    epoch: int


def issue(
    purpose: Purpose, *, user_id: UUID, address: str | None, epoch: int, is_first: bool = False
) -> UUID:
    """Make a token in the present unit and kill older ones of its purpose; return its id.

    It `is_first` where the account itself is made in this unit: nobody can have another one.
    """
    if not is_first:
        _kill(purpose, user_id=user_id)
    token_id, now = new_id(), clock.now()
    made = {
        "id": token_id,
        "purpose": purpose,
        "user_id": user_id,
        "address": address,
        "epoch": epoch,
        "digest": _digest(token(token_id, purpose)),
        "created_at": now,
        "expires_at": now + LIFETIMES[purpose],
    }
    db.session.execute(insert(tokens), made)
    return token_id


def token(token_id: UUID, purpose: str) -> str:
    """Return the token that a mail carries."""
    return f"{token_id}.{secrets.mac(secrets.Purpose.ONE_TIME, str(token_id), purpose)}"


def resolve(named: Mapping[str, str]) -> str | None:
    """Return the token that a queued mail names by id and purpose; None once it is dead."""
    token_id = UUID(named["id"])
    living = db.reader.tuples(_LIVING, {"id": token_id, "now": clock.now()})
    return token(token_id, named["purpose"]) if living else None


def peek(text: str, *, purposes: Collection[Purpose]) -> Grant:
    """Return what a living token stands for and leave it alive; raises OneTimeTokenInvalid."""
    columns = OneTimeToken.purpose, OneTimeToken.user_id, OneTimeToken.address, OneTimeToken.epoch
    row = db.reader.row(
        select(*columns)
        .join(ACCOUNTS, ACCOUNTS.c.id == OneTimeToken.user_id)
        .where(_is_good(text, purposes), OneTimeToken.epoch == ACCOUNTS.c.session_epoch)
        .where(ACCOUNTS.c.deleted_at.is_(None))
    )
    if row is None:
        raise OneTimeTokenInvalid
    return Grant(Purpose(row.purpose), row.user_id, row.address, row.epoch)


def consume(text: str, *, purposes: Collection[Purpose]) -> Grant:
    """Spend a token in the unit of its effect; raises OneTimeTokenInvalid.

    One conditional UPDATE decides between twenty uses at once. The account's row is locked
    before it, as every act upon an account does first, so that none waits for another in a circle.
    """
    is_good = _is_good(text, purposes)
    owner = db.session.scalar(select(OneTimeToken.user_id).where(is_good))
    if owner is None:
        raise OneTimeTokenInvalid
    _lock_account(owner)
    epoch = select(ACCOUNTS.c.session_epoch).where(
        ACCOUNTS.c.id == OneTimeToken.user_id, ACCOUNTS.c.deleted_at.is_(None)
    )
    spent = db.session.execute(
        update(OneTimeToken)
        .where(is_good, OneTimeToken.epoch == epoch.scalar_subquery())
        .values(consumed_at=clock.now())
        .returning(
            OneTimeToken.purpose, OneTimeToken.user_id, OneTimeToken.address, OneTimeToken.epoch
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if spent is None:
        raise OneTimeTokenInvalid
    return Grant(Purpose(spent.purpose), spent.user_id, spent.address, spent.epoch)


def revoke_all(user_id: UUID) -> None:
    """Kill every token of a person, in the present unit."""
    db.session.execute(
        delete(OneTimeToken)
        .where(OneTimeToken.user_id == user_id)
        .execution_options(synchronize_session=False)
    )


def export(user_id: UUID) -> dict[str, Any]:
    """Return what links in mail were made for a person, without what makes them work."""
    columns = (
        OneTimeToken.purpose,
        OneTimeToken.address,
        OneTimeToken.created_at,
        OneTimeToken.expires_at,
        OneTimeToken.consumed_at,
    )
    rows = db.reader.rows(
        select(*columns).where(OneTimeToken.user_id == user_id).order_by(OneTimeToken.id)
    )
    return {"one_time_tokens": [dict(row._mapping) for row in rows]}


def purge() -> None:
    """Delete tokens that have expired."""
    with db.unit():
        db.session.execute(
            delete(OneTimeToken)
            .where(OneTimeToken.expires_at < clock.now())
            .execution_options(synchronize_session=False)
        )


def _kill(purpose: Purpose, *, user_id: UUID) -> None:
    _lock_account(user_id)
    db.session.execute(
        delete(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose)
        .execution_options(synchronize_session=False)
    )


def _lock_account(user_id: UUID) -> None:
    account = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == user_id)
    db.session.execute(account.with_for_update(key_share=True))


def _is_good(text: str, purposes: Collection[Purpose]) -> ColumnElement[bool]:
    token_id = parse_id(text[:36]) if len(text) <= MAX_LENGTH else None
    if token_id is None:
        raise OneTimeTokenInvalid
    return and_(
        OneTimeToken.id == token_id,
        OneTimeToken.digest == _digest(text),
        OneTimeToken.purpose.in_([str(purpose) for purpose in purposes]),
        OneTimeToken.consumed_at.is_(None),
        OneTimeToken.expires_at > clock.now(),
    )


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
