"""Redis, for what processes share: one pool, short patience, and a breaker for when it is away.

Redis is optional and never the only home of a fact. Whoever uses it asks the breaker first, says
how it went, and has an answer of its own for the time without:

    if breaker.allows():
        try:
            ...
            breaker.succeeded()
        except ERRORS:
            breaker.failed()
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import redis
from flask import Flask, current_app
from redis.backoff import NoBackoff
from redis.retry import Retry

from gatehouse.infra.logs import logger
from gatehouse.infra.threads import Asking
from gatehouse.settings import Settings

ERRORS = (redis.RedisError, OSError)
PATIENCE_SECONDS = 0.05
LISTENING_SECONDS = 2.0
EXTENSION = "gatehouse.redis"


class Breaker:
    """Spares callers the wait for something that does not answer; closes by itself.

    A miss opens it at once, first for 0.1 s and with every further miss for twice as long, up to
    2 s. Then one caller at a time may try.
    """

    FIRST_PAUSE_SECONDS = 0.1
    LONGEST_PAUSE_SECONDS = 2.0
    MISSES_UNTIL_TOLD = 3

    def __init__(self, name: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._misses = 0
        self._closed_until = 0.0
        self._is_told = False

    @property
    def is_open(self) -> bool:
        """Whether the last call failed."""
        return self._misses > 0

    def allows(self) -> bool:
        """Tell whether this caller may try now."""
        if self._misses == 0:
            return True
        with self._lock:
            if self._clock() < self._closed_until:
                return False
            # The one who tries has the door to itself until it says how it went.
            self._closed_until = self._clock() + self.LONGEST_PAUSE_SECONDS
            return True

    def succeeded(self) -> None:
        """Close it: the other side has answered."""
        if self._misses == 0:
            return
        with self._lock:
            self._misses = 0
            was_told, self._is_told = self._is_told, False
        if was_told:
            logger.info("answers_again", name=self._name)

    def failed(self, error: Exception) -> None:
        """Open it, or keep it open for longer."""
        with self._lock:
            pause = self.FIRST_PAUSE_SECONDS * 2 ** min(self._misses, 10)
            self._closed_until = self._clock() + min(pause, self.LONGEST_PAUSE_SECONDS)
            self._misses += 1
            # One miss may be a hiccup of this process; a row of them is news, once.
            is_news = self._misses >= self.MISSES_UNTIL_TOLD and not self._is_told
            self._is_told = self._is_told or is_news
        if is_news:
            logger.warning("does_not_answer", name=self._name, error=type(error).__name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Prepare the client of `app`; connects to nothing before the first command."""
    app.extensions[EXTENSION] = (
        _client(settings.redis_url, threads=settings.threads) if settings.redis_url else None
    )


def client() -> redis.Redis | None:
    """Return the client of the present application, or None where no REDIS_URL is set."""
    return cast("redis.Redis | None", current_app.extensions[EXTENSION])


def listening_client(url: str) -> redis.Redis:
    """Return a client for a connection that waits for what others publish.

    It may wait longer than one that a request depends on, and nobody else uses its pool.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=LISTENING_SECONDS,
        socket_connect_timeout=LISTENING_SECONDS,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
    )


def is_away() -> bool:
    """Tell whether there should be a Redis and it does not answer."""
    present = client()
    if present is None:
        return False
    try:
        present.ping()
    except ERRORS:
        return True
    return False


def _client(url: str, *, threads: int) -> redis.Redis:
    pool = redis.ConnectionPool.from_url(
        url,
        # Every thread may hold one; none ever waits for another.
        max_connections=threads + 8,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        # A retry would double the wait; the caller has another answer.
        retry=Retry(NoBackoff(), 0),
        # Spares a new connection two round trips that tell the server our version.
        driver_info=None,
    )
    pool.connection_class = _announcing(pool.connection_class)
    return redis.Redis(connection_pool=pool)


def _announcing(kind: Any) -> Any:
    """Return a kind of connection that says when the present thread waits for an answer."""
    asking = Asking()

    class Announcing(kind):  # type: ignore[misc]
        def read_response(self, *words: Any, **named: Any) -> Any:
            began = monotonic()
            with asking:
                found = super().read_response(*words, **named)
            asking.learn(monotonic() - began)
            return found

    return Announcing
