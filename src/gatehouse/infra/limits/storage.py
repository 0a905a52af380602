"""The storage behind the limiter: Redis where it answers, this process where it does not."""

import redis
from limits.storage import RedisStorage, Storage
from limits.storage.base import SlidingWindowCounterSupport

from gatehouse.infra.limits.counters import LocalCounters, Reading
from gatehouse.infra.redis import ERRORS, Breaker

# Another strategy would read the same keys another way.
KEY_PREFIX = "gatehouse:limits:sliding-window-counter"


class LimitStorage(Storage, SlidingWindowCounterSupport):
    """Counts for all processes in Redis, and always along for this process.

    So a lost Redis leaves no gap, and an emptied one no open door: one process never lets through
    more than the whole limit, and while Redis is away no more than its share, which is the limit
    divided by the number of processes. Nothing raises.
    """

    STORAGE_SCHEME = ["gatehouse"]  # noqa: RUF012 - as the library spells it

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        *,
        workers: int = 1,
        connection_pool: redis.ConnectionPool | None = None,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self.local = LocalCounters()
        self.breaker = Breaker("redis")
        self._workers = workers
        self._shared = (
            RedisStorage("redis://", connection_pool=connection_pool, key_prefix=KEY_PREFIX)
            if connection_pool
            else None
        )

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What the library may expect to be raised."""
        return ERRORS

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count `amount` under `key` if that stays within `limit`."""
        if self._shared is not None and self.breaker.allows():
            try:
                taken = self._take_shared(self._shared, key, limit, expiry, amount)
                self.breaker.succeeded()
                return taken
            except ERRORS as error:
                self.breaker.failed(error)
        return self.local.take(key, limit=self._share(limit), expiry=expiry, amount=amount)

    def get_sliding_window(self, key: str, expiry: int) -> Reading:
        """Return what is counted under `key`, where it weighs most."""
        return max(self._readings(key, expiry), key=lambda reading: reading.weight(expiry))

    def seconds_until_room(self, key: str, *, limit: int, expiry: int) -> float:
        """Return after how long one more hit will be let through; 0 when it would be now."""
        readings = self._readings(key, expiry)
        if self._shared is None or self.breaker.is_open:
            limit = self._share(limit)
        return max(reading.seconds_until_room(limit=limit, expiry=expiry) for reading in readings)

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one key, as far as it can be reached."""
        self.local.forget(key)
        if self._shared is not None and self.breaker.allows():
            try:
                self._shared.clear_sliding_window(key, expiry)
                self.breaker.succeeded()
            except ERRORS as error:
                self.breaker.failed(error)

    def check(self) -> bool:
        """Tell whether all processes count together at this moment."""
        return self._shared is None or bool(self._shared.check())

    def reset(self) -> int | None:
        """Forget everything."""
        self.local.forget()
        return None if self._shared is None else self._shared.reset()

    def _share(self, limit: int) -> int:
        return max(1, limit // self._workers)

    def _take_shared(
        self, shared: RedisStorage, key: str, limit: int, expiry: int, amount: int
    ) -> bool:
        if self.local.read(key, expiry=expiry).weight(expiry) + amount > limit:
            return False
        if not shared.acquire_sliding_window_entry(key, limit, expiry, amount):
            return False
        self.local.add(key, expiry=expiry, amount=amount)
        return True

    def _readings(self, key: str, expiry: int) -> list[Reading]:
        readings = [self.local.read(key, expiry=expiry)]
        if self._shared is not None and self.breaker.allows():
            try:
                readings.append(Reading(*self._shared.get_sliding_window(key, expiry)))
                self.breaker.succeeded()
            except ERRORS as error:
                self.breaker.failed(error)
        return readings

    # What only the library's fixed windows would ask for.

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Refuse: there are no fixed windows here."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Refuse: there are no fixed windows here."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Refuse: there are no fixed windows here."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Refuse: there are no fixed windows here."""
        raise NotImplementedError
