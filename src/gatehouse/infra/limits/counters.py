"""Sliding windows, and counting in them in the memory of this process.

The present window counts whole, the one before it by how much of it still lies within reach:
the strategy `sliding-window-counter` of the limits library, which Redis follows too. A key's
first window begins with its first hit.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

MOST_KEYS = 50_000


class Reading(NamedTuple):
    """What is counted under a key, in the order in which the limits library wants it."""

    before: int = 0
    before_ends_in: float = 0.0
    now: int = 0
    now_ends_in: float = 0.0

    def weight(self, expiry: int) -> int:
        """Return the count that is held against the limit; `expiry` is the window's length."""
        return int(self.before * self.before_ends_in / expiry) + self.now

    def seconds_until_room(self, *, limit: int, expiry: int) -> float:
        """Return after how long one more will stay within `limit`; 0 when it does now."""
        if self.weight(expiry) < limit:
            return 0.0
        if self.now < limit:
            return self.before_ends_in - (limit - self.now) * expiry / self.before
        # The present window alone is full: it has to become the one before, and fade.
        return self.now_ends_in - expiry + max(0.0, expiry - limit * expiry / self.now)


@dataclass(slots=True)
class _Window:
    start: float
    before: int = 0
    now: int = 0


class LocalCounters:
    """Counts in this process, in bounded memory, by the monotonic clock."""

    def __init__(self, *, most: int = MOST_KEYS, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        # One table a window length, in the order of the last hit: what is over stands in front.
        self._tables: dict[int, OrderedDict[str, _Window]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def take(self, key: str, *, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if that stays within `limit`; what is refused is not counted."""
        with self._lock:
            if self._read(key, expiry).weight(expiry) + amount > limit:
                return False
            self._add(key, expiry, amount)
            return True

    def add(self, key: str, *, expiry: int, amount: int = 1) -> None:
        """Count `amount` without a question."""
        with self._lock:
            self._add(key, expiry, amount)

    def read(self, key: str, *, expiry: int) -> Reading:
        """Return what is counted under `key`."""
        with self._lock:
            return self._read(key, expiry)

    def forget(self, key: str | None = None) -> None:
        """Forget one key, or everything."""
        with self._lock:
            for table in self._tables.values():
                if key is None:
                    table.clear()
                else:
                    table.pop(key, None)
            self._size = sum(map(len, self._tables.values()))

    def _read(self, key: str, expiry: int) -> Reading:
        table = self._tables.get(expiry)
        window = table.get(key) if table else None
        if window is None:
            return Reading()
        age = self._clock() - window.start
        if age >= 2 * expiry:
            return Reading()
        if age >= expiry:
            return Reading(window.now, 2 * expiry - age, 0, 3 * expiry - age)
        return Reading(window.before, expiry - age, window.now, 2 * expiry - age)

    def _add(self, key: str, expiry: int, amount: int) -> None:
        at = self._clock()
        table = self._tables.setdefault(expiry, OrderedDict())
        window = table.get(key)
        if window is None:
            self._make_room(table, over_since=at - 2 * expiry)
            window = table[key] = _Window(at)
            self._size += 1
        elif at - window.start >= 2 * expiry:
            window.start, window.before, window.now = at, 0, 0
        elif at - window.start >= expiry:
            window.start, window.before, window.now = window.start + expiry, window.now, 0
        window.now += amount
        table.move_to_end(key)

    def _make_room(self, table: OrderedDict[str, _Window], *, over_since: float) -> None:
        while table and next(iter(table.values())).start <= over_since:
            table.popitem(last=False)
            self._size -= 1
        if self._size >= self._most:
            largest = max(self._tables.values(), key=len)
            largest.popitem(last=False)
            self._size -= 1
