"""The table of signing keys, and the acts of the operator on it.

A key is published as soon as it is stored, signs from `activates_at`, and is trusted until
`retires_at`. Between the first two lies the time in which every process has learned of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from gatehouse.core import clock
from gatehouse.core.errors import Conflict, NotFound
from gatehouse.infra import db, secrets
from gatehouse.infra.keys.key_set import (
    KeySet,
    PrivateKey,
    SigningKey,
    VerifyingKey,
    algorithm_of,
    new_private_key,
    private_key,
    public_jwk,
    public_key,
    thumbprint,
    to_pem,
)
from gatehouse.settings import settings

logger = structlog.get_logger(__name__)

# Processes read the table every 30 s; twice that leaves none behind.
PUBLISHED_AHEAD = timedelta(seconds=60)
_LEEWAY = timedelta(seconds=60)


class SigningKeyRow(db.Model):
    """A key pair; the private part is encrypted with DATA_KEYS."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(db.Key(64), primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(16))
    private_encrypted: Mapped[str] = mapped_column(db.Encrypted)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(db.Json)
    created_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    activates_at: Mapped[datetime] = mapped_column(db.UtcDateTime)
    retires_at: Mapped[datetime | None] = mapped_column(db.UtcDateTime)


class NoSuchKey(NotFound):
    """No signing key has this kid; told at the command line only."""

    code = "no_such_key"
    title = "There is no such signing key"
    remedy = "`flask keys list` names those that there are."


class LastSigningKey(Conflict):
    """Nothing could sign after this key; told at the command line only."""

    code = "last_signing_key"
    title = "This is the only key that signs"
    remedy = "Make another one first: `flask keys generate`."


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What the operator sees of a key; `state` is coming, signing, trusted or retired."""

    kid: str
    algorithm: str
    state: str
    created_at: datetime
    activates_at: datetime
    retires_at: datetime | None


def load() -> KeySet:
    """Read the keys that are trusted now."""
    now = clock.now()
    trusted = [row for row in _rows() if _is_trusted(row, now)]
    verifying = [
        VerifyingKey(row.kid, row.algorithm, public_key(row.public_jwk)) for row in trusted
    ]
    signing = _signing(trusted, now)
    if signing is None:
        return KeySet.of(verifying, None)
    try:
        private = private_key(secrets.decrypt(signing.private_encrypted))
    except secrets.Undecryptable:
        logger.error(
            "signing_key_unreadable",
            kid=signing.kid,
            remedy="add the key it was encrypted with to DATA_KEYS, and start anew",
        )
        return KeySet.of(verifying, None, is_unreadable=True)
    return KeySet.of(verifying, SigningKey(signing.kid, signing.algorithm, private))


def generate(algorithm: str | None = None, *, activates_in: timedelta = PUBLISHED_AHEAD) -> str:
    """Make a key in a unit of its own and return its kid."""
    key = new_private_key(algorithm or settings.algorithm)  # slow: before the unit opens
    with db.unit():
        return _add(key, clock.now() + activates_in)


def generate_first() -> None:
    """Make a key that signs at once, unless another process was faster."""
    key = new_private_key(settings.algorithm)
    with db.unit():
        # Two processes may still both insert on PostgreSQL: then there are two good keys.
        present = db.session.scalars(
            select(SigningKeyRow.kid).where(
                SigningKeyRow.algorithm == settings.algorithm, SigningKeyRow.retires_at.is_(None)
            )
        )
        if present.first() is None:
            _add(key, clock.now())


def rotate(*, activates_in: timedelta = PUBLISHED_AHEAD) -> str:
    """Make the next key and let the others retire once no living token is signed by them (R14)."""
    key = new_private_key(settings.algorithm)
    with db.unit():
        activates_at = clock.now() + activates_in
        others = update(SigningKeyRow).where(SigningKeyRow.retires_at.is_(None))
        # The last token by an old key is issued when the slowest process learns of the new one.
        overlap = PUBLISHED_AHEAD + timedelta(minutes=settings.access_token_expire_minutes)
        db.session.execute(others.values(retires_at=activates_at + overlap + _LEEWAY))
        return _add(key, activates_at)


def retire(kid: str, *, after: timedelta = timedelta(0)) -> None:
    """Stop trusting a key, at once by default: tokens that it signed are refused.

    Raises `NoSuchKey`, and `LastSigningKey` where no other key could sign.
    """
    with db.unit():
        now = clock.now()
        rows = db.session.scalars(select(SigningKeyRow).with_for_update()).all()
        row = next((row for row in rows if row.kid == kid), None)
        if row is None:
            raise NoSuchKey
        if _is_trusted(row, now) and _signing([r for r in rows if r is not row], now) is None:
            raise LastSigningKey
        if row.retires_at is None or row.retires_at > now + after:
            row.retires_at = now + after


def list_keys() -> list[KeyInfo]:
    """Return every key that was ever stored, oldest first."""
    now, rows = clock.now(), _rows()
    signing = _signing([row for row in rows if _is_trusted(row, now)], now)

    def state(row: Row[Any]) -> str:
        if signing is not None and row.kid == signing.kid:
            return "signing"
        if not _is_trusted(row, now):
            return "retired"
        return "coming" if row.activates_at > now else "trusted"

    return [
        KeyInfo(r.kid, r.algorithm, state(r), r.created_at, r.activates_at, r.retires_at)
        for r in rows
    ]


def _rows() -> Sequence[Row[Any]]:
    table = SigningKeyRow.__table__
    return db.reader.rows(select(table).order_by(table.c.created_at, table.c.kid))


def _add(key: PrivateKey, activates_at: datetime) -> str:
    public = key.public_key()
    row = SigningKeyRow(
        kid=thumbprint(public),
        algorithm=algorithm_of(public),
        private_encrypted=secrets.encrypt(to_pem(key)),
        public_jwk=public_jwk(public),
        created_at=clock.now(),
        activates_at=activates_at,
    )
    db.session.add(row)
    db.session.flush()
    return row.kid


def _is_trusted(row: Any, now: datetime) -> bool:
    return row.retires_at is None or row.retires_at > now


def _signing(rows: Sequence[Any], now: datetime) -> Any | None:
    """Return the row that signs: the newest active one, and a retiring one only for want of it."""
    candidates = [
        row
        for row in rows
        if row.algorithm == settings.algorithm and row.activates_at <= now and _is_trusted(row, now)
    ]
    return max(
        candidates,
        key=lambda row: (row.retires_at is None, row.activates_at, row.kid),
        default=None,
    )
