"""Where the cache keeps things: the memory of this process, or Redis for all of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Protocol, cast

import redis

from gatehouse.infra.redis import ERRORS, Breaker

MOST_ENTRIES = 1_000
MOST_BYTES = 2**17  # of one value; a longer one is made anew each time


class Store(Protocol):
    """Keeps bytes under a name for some seconds, or forgets them earlier; never raises."""

    def get(self, name: str) -> bytes | None:
        """Return what is kept, or None."""

    def put(self, name: str, value: bytes, seconds: int) -> None:
        """Keep a value."""


class MemoryStore:
    """Keeps the most recently used of this process, by the monotonic clock."""

    def __init__(self, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str) -> bytes | None:
        """Return what is kept, or None."""
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            if found[0] <= self._clock():
                del self._kept[name]
                return None
            self._kept.move_to_end(name)
            return found[1]

    def put(self, name: str, value: bytes, seconds: int) -> None:
        """Keep a value."""
        if len(value) > MOST_BYTES:
            return
        with self._lock:
            self._kept[name] = self._clock() + seconds, value
            self._kept.move_to_end(name)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


class RedisStore:
    """Keeps for all processes; while Redis is away, each keeps for itself.

    One call waits for 50 ms for a connection and 50 ms for the answer at most, and the breaker
    spares the calls after it.
    """

    def __init__(self, client: redis.Redis, local: Store) -> None:
        self.breaker = Breaker("redis-cache")
        self._client = client
        self._local = local

    def get(self, name: str) -> bytes | None:
        """Return what is kept, or None."""
        if self.breaker.allows():
            try:
                found = cast("bytes | None", self._client.get(name))
                self.breaker.succeeded()
                return found
            except ERRORS as error:
                self.breaker.failed(error)
        return self._local.get(name)

    def put(self, name: str, value: bytes, seconds: int) -> None:
        """Keep a value."""
        if len(value) > MOST_BYTES:
            return
        if self.breaker.allows():
            try:
                self._client.set(name, value, ex=seconds)
                self.breaker.succeeded()
                return
            except ERRORS as error:
                self.breaker.failed(error)
        self._local.put(name, value, seconds)
