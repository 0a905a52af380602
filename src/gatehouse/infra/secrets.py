"""Derived keys: every use of SECRET_KEY has a key of its own, and stored secrets are encrypted.

Keys come from HKDF-SHA256 (RFC 5869) with the purpose as its label, so that what is made for one
purpose never verifies for another. `SECRET_KEY_PREVIOUS` is accepted for verification only.
"""

import hmac
from enum import StrEnum
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatehouse.settings import Secret, settings


class Purpose(StrEnum):
    """What a derived key is for. The value is the label of the derivation: never change one."""

    REFRESH = "refresh"  # signatures of refresh tokens
    ONE_TIME = "one-time"  # the secret part of links in mail and other tokens used once
    CURSOR = "cursor"  # signatures of paging cursors
    SOCKET = "socket"  # tickets that open a WebSocket
    UPLOAD = "upload"  # signatures of upload URLs
    FINGERPRINT = "fingerprint"  # fingerprints of request bodies
    COUNTER = "counter"  # keys of guessing counters, which hide the names behind them
    CACHE = "cache"  # keys of the cache, which may hold what somebody looked for
    ACCESS = "access"  # signatures of access tokens with ALGORITHM=HS256


class Undecryptable(Exception):
    """A stored secret was encrypted with none of the present DATA_KEYS."""


def derive(purpose: Purpose) -> bytes:
    """Return the 32-byte key of a purpose, from SECRET_KEY."""
    return _derived(settings.secret_key, purpose)


def derive_all(purpose: Purpose) -> tuple[bytes, ...]:
    """Return the keys that verify for a purpose: the present one, then the previous one if any."""
    previous = settings.secret_key_previous
    present = derive(purpose)
    return (present,) if previous is None else (present, _derived(previous, purpose))


def mac(purpose: Purpose, *parts: str) -> str:
    """Return the HMAC-SHA256 of `parts` in hexadecimal; `("ab", "c")` and `("a", "bc")` differ."""
    return _mac(derive(purpose), parts)


def mac_matches(purpose: Purpose, given: str, *parts: str) -> bool:
    """Tell in constant time whether `given` is the `mac` of `parts` under a key that verifies."""
    candidate = given.encode("utf-8", "surrogatepass")
    results = [
        hmac.compare_digest(_mac(key, parts).encode(), candidate) for key in derive_all(purpose)
    ]
    return any(results)


def encrypt(text: str) -> str:
    """Encrypt a secret that is to be stored, with the first of DATA_KEYS (Fernet)."""
    return _box(settings.data_keys).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return what `encrypt` was given; raise `Undecryptable` when no key of DATA_KEYS fits."""
    try:
        return _box(settings.data_keys).decrypt(token).decode()
    except InvalidToken:
        raise Undecryptable("a stored secret was encrypted with a key not in DATA_KEYS") from None


def reencrypt(token: str) -> str | None:
    """Return the same secret encrypted with the first of DATA_KEYS, or None where it is already.

    Raise `Undecryptable` when no key of DATA_KEYS fits.
    """
    try:
        _box(settings.data_keys[:1]).decrypt(token)
    except InvalidToken:
        return encrypt(decrypt(token))
    return None


# Two live keys for each purpose; a process rarely knows more than one set of settings.
@lru_cache(maxsize=64)
def _derived(secret: Secret, purpose: Purpose) -> bytes:
    # A variable of the environment may hold any bytes; Python spells those as surrogates.
    material = secret.value.encode("utf-8", "surrogateescape")
    return HKDF(SHA256(), 32, salt=None, info=f"gatehouse {purpose}".encode()).derive(material)


def _mac(key: bytes, parts: tuple[str, ...]) -> str:
    message = bytearray()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        message += len(encoded).to_bytes(8, "big") + encoded
    return hmac.digest(key, message, "sha256").hex()


@lru_cache(maxsize=8)
def _box(keys: tuple[Secret, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.value) for key in keys])
