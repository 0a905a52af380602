"""Access tokens: signed by the published keys, verified strictly, and remembered once verified.

JWT access tokens as RFC 9068 describes them (`typ: at+jwt`), under the advice of RFC 8725: the
algorithm belongs to the key and never to the token, and a header says nothing but `alg`, `typ`
and `kid`. The memory of verified tokens spares the signature check, and nothing else.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import UUID

import jwt

from gatehouse.core import clock
from gatehouse.core.ids import new_id_text, parse_id
from gatehouse.infra import keys
from gatehouse.settings import settings

TYPE = "at+jwt"
CLOCK_SKEW = timedelta(seconds=60)
MEMORY_SIZE = 4096
_HEADER = {"alg", "typ", "kid"}
_END_OF_TIME = 2**37  # in seconds: datetime ends a little later
_VERIFY_SIGNATURE_ONLY: Any = dict.fromkeys(
    ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub"), False
)


class AccessTokenInvalid(Exception):
    """The token is not one of ours, or no longer good."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a good access token says."""

    user_id: UUID
    session_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    issued_at: int
    expires_at: int
    kid: str
    issuer: str
    audience: str
    claims: dict[str, Any]


class _Memory:
    """Verified tokens by their SHA-256 and the version of the key set; bounded, oldest out."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, Any], AccessClaims] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[bytes, Any]) -> AccessClaims | None:
        return self._known.get(key)

    def put(self, key: tuple[bytes, Any], claims: AccessClaims) -> None:
        with self._lock:
            self._known[key] = claims
            if len(self._known) > MEMORY_SIZE:
                self._known.popitem(last=False)


_memory = _Memory()


def lifetime() -> timedelta:
    """Return how long an access token lives."""
    return timedelta(minutes=settings.access_token_expire_minutes)


def issue(
    user_id: UUID,
    session_id: UUID,
    *,
    auth_time: datetime,
    amr: tuple[str, ...],
    extra: dict[str, Any] | None = None,
) -> str:
    """Return a signed access token for a session."""
    key, now = keys.current().signing, clock.now()
    claims = {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": new_id_text(),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime()).timestamp()),
        "type": "access",
        "auth_time": int(auth_time.timestamp()),
        "amr": list(amr),
        **(extra or {}),
    }
    return jwt.encode(claims, key.private, key.algorithm, headers={"kid": key.kid, "typ": TYPE})


def verify(token: str) -> AccessClaims:
    """Return what the token says; raises AccessTokenInvalid.

    On every call, remembered or not: the key is still trusted, issuer and audience are ours, and
    now lies between issue and expiry.
    """
    key_set = keys.current()
    place = sha256(token.encode(errors="surrogatepass")).digest(), key_set.version
    claims = _memory.get(place)
    if claims is None:
        claims = _verify_signature(token)
        _memory.put(place, claims)
    now = clock.now().timestamp()
    if (
        claims.kid not in key_set.by_kid
        or claims.issuer != settings.issuer
        or claims.audience != settings.audience
        or claims.expires_at <= now
        or claims.issued_at > now + CLOCK_SKEW.total_seconds()
    ):
        raise AccessTokenInvalid
    return claims


def _verify_signature(token: str) -> AccessClaims:
    try:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if not set(header) <= _HEADER or header.get("typ") != TYPE or not isinstance(kid, str):
            raise AccessTokenInvalid
        key = keys.find(kid)
        if key is None or header.get("alg") != key.algorithm:
            raise AccessTokenInvalid
        claims = jwt.decode(
            token, key.key, algorithms=[key.algorithm], options=_VERIFY_SIGNATURE_ONLY
        )
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
        raise AccessTokenInvalid from error
    return read(claims, kid)


def read(claims: dict[str, Any], kid: str) -> AccessClaims:
    """Return verified claims by type; raises AccessTokenInvalid where one is missing or odd."""
    user_id, session_id = parse_id(claims.get("sub")), parse_id(claims.get("sid"))
    amr, audience = claims.get("amr"), claims.get("aud")
    if (
        claims.get("type") != "access"
        or user_id is None
        or session_id is None
        or not isinstance(claims.get("jti"), str)
        or not isinstance(amr, list)
        or not isinstance(audience, str)
    ):
        raise AccessTokenInvalid
    return AccessClaims(
        user_id=user_id,
        session_id=session_id,
        auth_time=datetime.fromtimestamp(_seconds(claims, "auth_time"), UTC),
        amr=tuple(str(method) for method in amr),
        issued_at=max(_seconds(claims, "iat"), _seconds({"nbf": 0, **claims}, "nbf")),
        expires_at=_seconds(claims, "exp"),
        kid=kid,
        issuer=str(claims.get("iss")),
        audience=audience,
        claims=claims,
    )


def _seconds(claims: dict[str, Any], name: str) -> int:
    """Return a NumericDate that is a whole number, as ours are, and neither text nor 1e400."""
    moment = claims.get(name)
    if type(moment) is not int or not 0 <= moment < _END_OF_TIME:
        raise AccessTokenInvalid
    return moment
