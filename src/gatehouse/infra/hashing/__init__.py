"""Password hashes: made and verified in a small pool of low priority with a bounded queue.

A hash costs a quarter of a second of a core on purpose. The threads that pay for it are as few as
the cores and give way to everything else, so that a herd of log-ins slows log-ins only.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from passlib.context import CryptContext
from passlib.hash import bcrypt
from passlib.utils.binary import bcrypt64

from gatehouse.core.passwords import MAX_LOGIN_LENGTH
from gatehouse.core.text import has_surrogates
from gatehouse.infra import metrics
from gatehouse.infra.hashing.pool import HashPool, HashQueueFull
from gatehouse.settings import Settings

__all__ = [
    "REFUSED",
    "HashQueueFull",
    "Verified",
    "hash_now",
    "hash_password",
    "init_app",
    "needs_room",
    "queued",
    "refusal",
    "room_first",
    "verify_password",
]

EXTENSION = "gatehouse.hashing"
View = TypeVar("View", bound=Callable[..., Any])

QUEUE = metrics.Gauge("gatehouse_hash_queue", "Passwords that wait for a hash, or are hashed.")
REFUSED = metrics.Counter("gatehouse_hash_refused_total", "Hashes refused by a full queue.")

# The first is what we make; the others come with imported accounts and are re-hashed at log-in.
_SCHEMES = (
    *("bcrypt_sha256", "bcrypt", "argon2", "scrypt"),
    *("pbkdf2_sha256", "pbkdf2_sha512", "pbkdf2_sha1"),
    *("django_pbkdf2_sha256", "django_pbkdf2_sha1", "django_bcrypt", "django_bcrypt_sha256"),
    "django_argon2",
)
# These read 72 bytes at most and stop at NUL: what is longer is wrong, never cut (R31, R32).
_CUTTING = frozenset({"bcrypt", "django_bcrypt"})
_CUT_AT_BYTES = 72
_SECONDS_AT_COST_12 = 0.25  # the guess before anything was measured


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of a verification; `new_hash` is set when the stored hash should be replaced."""

    ok: bool
    new_hash: str | None = None


class Hasher:
    """Makes and verifies hashes of one cost. Its methods compute where they are called."""

    def __init__(self, rounds: int) -> None:
        # `rounds` is the least and the most: a cost that was lowered is carried to old hashes
        # as well, because accounts of another cost would be told apart by their time (R44).
        self._context = CryptContext(
            schemes=list(_SCHEMES), deprecated="auto", bcrypt_sha256__rounds=rounds
        )
        bcrypt.set_backend("bcrypt")  # its self-test runs here and not in the first request
        salt, digest = (bcrypt64.encode_bytes(secrets.token_bytes(n)).decode() for n in (16, 23))
        # A valid hash of no known password, which cost nothing to make.
        self._decoy = f"$bcrypt-sha256$v=2,t=2b,r={rounds}${salt}${digest}"

    def hash(self, password: str) -> str:
        """Return a new hash of the exact code points of `password`."""
        if not _is_hashable(password):
            raise ValueError("this text cannot be a password")
        hashed: str = self._context.hash(password)
        return hashed

    def verify(self, password: str, stored: str | None) -> Verified:
        """Compare; every path costs one verification, also those that cannot succeed (R43)."""
        scheme = self._scheme(stored)
        fits = _is_hashable(password) and scheme is not None and _is_whole(password, scheme)
        try:
            ok = self._context.verify(
                password if fits else "-", stored if scheme is not None else self._decoy
            )
            if not ok or not fits:
                return Verified(False)
            due = self._context.needs_update(stored)
        except Exception:  # a damaged hash raises whatever its scheme likes: nobody can log in
            self._context.verify("-", self._decoy)
            return Verified(False)
        return Verified(True, self.hash(password) if due else None)

    def _scheme(self, stored: str | None) -> str | None:
        try:
            name: str | None = self._context.identify(stored) if stored else None
        except ValueError:  # not ASCII
            return None
        return name


def _is_hashable(password: str) -> bool:
    return len(password) <= MAX_LOGIN_LENGTH and not has_surrogates(password)


def _is_whole(password: str, scheme: str) -> bool:
    """Tell whether a scheme would take in the whole password."""
    return scheme not in _CUTTING or (
        "\0" not in password and len(password.encode()) <= _CUT_AT_BYTES
    )


@dataclass(frozen=True, slots=True)
class _Hashing:
    hasher: Hasher
    pool: HashPool


def init_app(app: Flask, settings: Settings) -> None:
    """Prepare hashing for `app`; starts no thread."""
    pool = HashPool(
        threads=settings.hash_threads,
        workers=settings.workers,
        most_waiting=max(1, settings.threads // 2),
        queue_seconds=settings.hash_queue_seconds,
        first_estimate_seconds=_SECONDS_AT_COST_12 * 2.0 ** (settings.bcrypt_rounds - 12),
    )
    app.extensions[EXTENSION] = _Hashing(Hasher(settings.bcrypt_rounds), pool)
    metrics.of(app).declare((REFUSED,))
    metrics.of(app).watch((QUEUE,), lambda: [metrics.Reading(QUEUE, pool.pending)])


@contextmanager
def queued(name: str) -> Iterator[None]:
    """Wait in the queue of hashes before work of your own that leads to a hash.

    Of a crowd that comes at once each begins when a thread is about to be free for its hash. One
    of a `name` waits; others of that name go on meanwhile, and wait at their hash. Raises
    `HashQueueFull` at once if too much work is waiting.
    """
    with ExitStack() as stack:
        with _counted():
            stack.enter_context(_present().pool.place(name))
        yield


def room_first(view: View) -> View:
    """Let a route do nothing, not even count an address, while too much work is waiting.

    Of a herd most are refused, and what a refusal costs is taken from those who are served. It
    takes no place: whoever is refused by a limit afterwards does not wait for a turn.
    """

    @wraps(view)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        with _counted():
            _present().pool.expect_room()
        return view(*args, **kwargs)

    refusing._needs_room = True  # type: ignore[attr-defined]
    return cast(View, refusing)


def needs_room(view: Callable[..., Any]) -> bool:
    """Tell whether a route is marked by `room_first`."""
    return getattr(view, "_needs_room", False)


def refusal(app: Flask) -> HashQueueFull | None:
    """Return what `room_first` would raise now; it is not counted."""
    try:
        app.extensions[EXTENSION].pool.expect_room()
    except HashQueueFull as found:
        return found
    return None


def hash_password(password: str) -> str:
    """Return a new hash; raises `HashQueueFull` when too much work is waiting."""
    hashing = _present()
    with _counted():
        return hashing.pool.run(lambda: hashing.hasher.hash(password))


def verify_password(password: str, stored: str | None) -> Verified:
    """Compare a password with a stored hash, or with a decoy of the same cost for None.

    Odd input (too long, lone surrogates, a damaged hash) is wrong and never an error.
    Raises `HashQueueFull` when too much work is waiting.
    """
    hashing = _present()
    with _counted():
        return hashing.pool.run(lambda: hashing.hasher.verify(password, stored))


def hash_now(password: str) -> str:
    """Return a new hash, computed in the calling thread: for the command line."""
    return _present().hasher.hash(password)


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except HashQueueFull:
        metrics.count(REFUSED)
        raise


def _present() -> _Hashing:
    hashing: _Hashing = current_app.extensions[EXTENSION]
    return hashing
