"""The keys of access tokens as a process knows them: re-read every 30 s, swapped whole (C16)."""

import hmac
import threading
from dataclasses import dataclass, field
from time import monotonic

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.infra import secrets
from gatehouse.infra.keys import key_file, key_table
from gatehouse.infra.keys.key_set import KeySet, NoSigningKey, SigningKey, VerifyingKey
from gatehouse.infra.keys.key_table import (
    PUBLISHED_AHEAD,
    KeyInfo,
    LastSigningKey,
    NoSuchKey,
    generate,
    list_keys,
    retire,
    rotate,
)
from gatehouse.settings import SettingsError, settings

__all__ = [
    "PUBLISHED_AHEAD",
    "KeyInfo",
    "KeySet",
    "LastSigningKey",
    "NoSigningKey",
    "NoSuchKey",
    "SigningKey",
    "VerifyingKey",
    "current",
    "ensure",
    "find",
    "generate",
    "init_app",
    "list_keys",
    "refresh",
    "retire",
    "rotate",
]

EXTENSION = "gatehouse.keys"

_REREAD_SECONDS = 30.0
_UNKNOWN_KID_SECONDS = 1.0
_LONGEST_KID = 64


@dataclass(slots=True)
class _Cache:
    """What the process knows; the pair is replaced in one assignment, readers take no lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    known: tuple[KeySet, float] | None = None


def init_app(app: Flask) -> None:
    """Give `app` an empty cache; reads nothing."""
    app.extensions[EXTENSION] = _Cache()


def current() -> KeySet:
    """Return the keys, at most 30 s old."""
    cache = _cache()
    known = cache.known
    if known is None:
        with cache.lock:
            return cache.known[0] if cache.known is not None else _read(cache)
    if monotonic() - known[1] >= _REREAD_SECONDS:
        return _read_unless_busy(cache, known[0])
    return known[0]


def find(kid: object) -> VerifyingKey | None:
    """Return the trusted key of a token's header; an unknown kid makes the process look again.

    `kid` may be anything that a stranger wrote. The table is read at most once a second for it.
    """
    if not isinstance(kid, str) or len(kid) > _LONGEST_KID:
        return None
    keys = current()
    cache = _cache()
    if kid not in keys.by_kid and cache.known is not None:
        if monotonic() - cache.known[1] < _UNKNOWN_KID_SECONDS:
            return None
        keys = _read_unless_busy(cache, keys)
    return keys.by_kid.get(kid)


def refresh() -> KeySet:
    """Read the keys now."""
    cache = _cache()
    with cache.lock:
        return _read(cache)


def ensure() -> None:
    """See to it that something can sign: made in development, required in production.

    Raises `SettingsError` with one clear line otherwise.
    """
    found = refresh()
    if found.is_unreadable:
        raise SettingsError(
            ["DATA_KEYS: the signing key in the database was encrypted with another key"]
        )
    if found.signer is not None:
        return
    if settings.is_production:
        raise SettingsError(
            [f"ALGORITHM: there is no signing key for {settings.algorithm}; flask keys generate"]
        )
    key_table.generate_first()
    refresh()


def _cache() -> _Cache:
    cache: _Cache = current_app.extensions[EXTENSION]
    return cache


def _read_unless_busy(cache: _Cache, before: KeySet) -> KeySet:
    """Read anew, or return what was known: while another thread reads, and while none can.

    Without the database no access is granted anyway; published keys stay readable.
    """
    if not cache.lock.acquire(blocking=False):
        return before
    try:
        return _read(cache)
    except SQLAlchemyError:
        cache.known = (before, monotonic() - _REREAD_SECONDS + _UNKNOWN_KID_SECONDS)
        return before
    finally:
        cache.lock.release()


def _read(cache: _Cache) -> KeySet:
    keys = _load()
    cache.known = (keys, monotonic())
    return keys


def _load() -> KeySet:
    if settings.algorithm == "HS256":
        return _shared_secrets()
    if settings.jwt_keys_file is not None:
        return key_file.load(settings.jwt_keys_file, settings.algorithm)
    return key_table.load()


def _shared_secrets() -> KeySet:
    """Return the set of HS256: derived from SECRET_KEY, never published."""
    materials = secrets.derive_all(secrets.Purpose.ACCESS)
    found = [VerifyingKey(_kid(material), "HS256", material) for material in materials]
    return KeySet.of(found, SigningKey(found[0].kid, "HS256", materials[0]))


def _kid(material: bytes) -> str:
    """Name a shared secret without telling anything about it."""
    return hmac.digest(material, b"kid", "sha256").hex()[:32]
