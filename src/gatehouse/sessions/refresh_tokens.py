"""Refresh tokens: they name a session and its generation, and are never signed by published keys.

Nothing in one is random: the same generation gives the same bytes, so that a client which lost
the answer of its refresh gets the same successor again. HS256 with a key of its own (RFC 7519).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import jwt

from gatehouse.core.ids import parse_id
from gatehouse.infra import secrets
from gatehouse.sessions.errors import RefreshTokenInvalid
from gatehouse.sessions.models import Session

MAX_LENGTH = 1024
_CLAIMS = {"sid", "gen", "type", "iat", "exp"}
_VERIFY_SIGNATURE_ONLY = dict.fromkeys(
    ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub"), False
)


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a validly signed refresh token says; its session knows whether it has ended."""

    session_id: UUID
    generation: int


def encode(session: Session) -> str:
    """Return the refresh token of the session's present generation."""
    claims = {
        "sid": str(session.id),
        "gen": session.generation,
        "type": "refresh",
        "iat": _seconds(session.rotated_at),
        "exp": _seconds(min(session.idle_expires_at, session.expires_at)),
    }
    return jwt.encode(claims, secrets.derive(secrets.Purpose.REFRESH), "HS256")


def decode(token: str) -> RefreshClaims:
    """Return what the token says; raises RefreshTokenInvalid when it is forged.

    `exp` is for the client alone. The session has both ends itself, and a spent token that comes
    again after its own time is no less a replay.
    """
    if len(token) > MAX_LENGTH:
        raise RefreshTokenInvalid
    for key in secrets.derive_all(secrets.Purpose.REFRESH):
        try:
            claims = jwt.decode(token, key, algorithms=["HS256"], options=_VERIFY_SIGNATURE_ONLY)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        return _read(claims)
    raise RefreshTokenInvalid


def _read(claims: dict[str, object]) -> RefreshClaims:
    session_id, generation = parse_id(claims.get("sid")), claims.get("gen")
    if (
        set(claims) != _CLAIMS
        or claims["type"] != "refresh"
        or session_id is None
        or type(generation) is not int
    ):
        raise RefreshTokenInvalid
    return RefreshClaims(session_id, generation)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
