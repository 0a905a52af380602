"""The cache: what is read often and decides nothing about access, kept for a while.

    TOTALS = Space("totals", seconds=30)
    number = cache.read_through(TOTALS, fingerprint, count)

What is kept is JSON, and None is a value like others. Of many that miss the same key at once one
makes the value and the others of its process wait for it. What decides about access (accounts,
sessions, roles, keys) is never here: a test sees to that.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, current_app

from gatehouse.infra import metrics, redis, secrets
from gatehouse.infra.cache import stores
from gatehouse.settings import Settings

EXTENSION = "gatehouse.cache"
# Raise it when the same key begins to mean something else.
VERSION = 1

REQUESTS = metrics.Counter(
    "gatehouse_cache_requests_total", "Looks into the cache.", ("space", "outcome")
)


@dataclass(frozen=True, slots=True)
class Space:
    """Values of one kind. They are kept for CACHE_TTL_SECONDS, or for `seconds` if that is less.

    `is_local` keeps them in the memory of each process, also where there is Redis: for what every
    process would make alike, and faster than it could be fetched.
    """

    name: str
    seconds: int | None = None
    is_local: bool = False


class NullCache:
    """Keeps nothing: CACHE_TTL_SECONDS=0."""

    def read_through(self, _space: Space, _key: str, make: Callable[[], Any]) -> Any:
        """Return what `make` returns."""
        return make()


class Cache(NullCache):
    """Looks first, and makes what it does not find."""

    def __init__(self, *, local: stores.Store, shared: stores.Store, ttl_seconds: int) -> None:
        self._local = local
        self._shared = shared
        self._ttl = ttl_seconds
        self._lock = threading.Lock()
        self._flights: dict[str, Future[bytes]] = {}

    def read_through(self, space: Space, key: str, make: Callable[[], Any]) -> Any:
        """Return what is kept, or what `make` returns."""
        store = self._local if space.is_local else self._shared
        # Keyed, so that nobody reads in Redis what was looked for, and two services may share it.
        digest = secrets.mac(secrets.Purpose.CACHE, space.name, key)
        name = f"gatehouse:cache:{VERSION}:{space.name}:{digest}"
        kept = store.get(name)
        if kept is not None:
            with suppress(ValueError):  # somebody else wrote there: it is made anew
                found = orjson.loads(kept)
                metrics.count(REQUESTS, space.name, "hit")
                return found
        metrics.count(REQUESTS, space.name, "miss")
        seconds = min(self._ttl, space.seconds or self._ttl)
        return orjson.loads(self._alone(name, lambda: self._make(store, name, seconds, make)))

    def _make(self, store: stores.Store, name: str, seconds: int, make: Callable[[], Any]) -> bytes:
        made = orjson.dumps(make())
        store.put(name, made, seconds)
        return made

    def _alone(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return what `make` returns for the first of those who come at once, also an error."""
        with self._lock:
            flight = self._flights.get(name)
            is_first = flight is None
            if flight is None:
                flight = self._flights[name] = Future()
        if not is_first:
            return flight.result()
        try:
            flight.set_result(make())
        except BaseException as error:
            flight.set_exception(error)
        finally:
            with self._lock:
                del self._flights[name]
        return flight.result()


OFF = NullCache()


def init_app(app: Flask, settings: Settings) -> None:
    """Choose once where `app` keeps things; needs `redis.init_app` before, connects to nothing."""
    metrics.of(app).declare((REQUESTS,))
    if not settings.cache_ttl_seconds:
        app.extensions[EXTENSION] = OFF
        return
    local: stores.Store = stores.MemoryStore()
    client = app.extensions[redis.EXTENSION]
    shared = stores.RedisStore(client, local) if client is not None else local
    app.extensions[EXTENSION] = Cache(
        local=local, shared=shared, ttl_seconds=settings.cache_ttl_seconds
    )


def read_through(space: Space, key: str, make: Callable[[], Any]) -> Any:
    """Return what is kept under `key`, or keep and return what `make` returns: plain JSON data."""
    present: NullCache = current_app.extensions.get(EXTENSION, OFF)
    return present.read_through(space, key, make)
