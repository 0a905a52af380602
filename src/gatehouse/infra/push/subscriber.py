"""The thread that waits at Redis for what other processes push; it outlives every outage."""

import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import redis

from gatehouse.infra.logs import logger
from gatehouse.infra.redis import ERRORS

TURN_SECONDS = 0.5
# A connection that is lost on the way tells nobody: it is asked, and has to say something.
PING_SECONDS = 5.0
SILENCE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class Subscriber(threading.Thread):
    """Hears one channel until it is told to stop."""

    def __init__(
        self, connect: Callable[[], redis.Redis], channel: str, hear: Callable[[bytes], None]
    ) -> None:
        super().__init__(name="push", daemon=True)
        self._connect = connect
        self._channel = channel
        self._hear = hear
        self._is_heard = threading.Event()
        self._stopped = threading.Event()

    def wait_until_heard(self, *, seconds: float = 1.0) -> bool:
        """Wait until Redis has confirmed the subscription; False if it takes longer."""
        return self._is_heard.wait(seconds)

    def stop(self, *, seconds: float = 3.0) -> None:
        """End it, and wait for that."""
        self._stopped.set()
        self.join(seconds)

    def run(self) -> None:
        """Subscribe, hear, and begin anew after each loss."""
        failures = 0
        while not self._stopped.is_set():
            try:
                self._listen()
            except ERRORS as error:
                # One that had been heard begins anew at once, and nobody is told of a hiccup.
                failures = 1 if self._is_heard.is_set() else failures + 1
                if failures == 3:
                    logger.warning("push_interrupted", error=type(error).__name__)
                self._is_heard.clear()
                pause = min(FIRST_PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)
                self._stopped.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _listen(self) -> None:
        client = self._connect()
        subscription = client.pubsub()  # type: ignore[no-untyped-call]
        try:
            subscription.subscribe(self._channel)
            pinged = heard = monotonic()
            while not self._stopped.is_set():
                message = subscription.get_message(timeout=TURN_SECONDS)
                now = monotonic()
                if message is not None:
                    heard = now
                    self._take(message)
                elif now - heard > SILENCE_SECONDS:
                    raise TimeoutError("Redis has fallen silent")
                if now - pinged > PING_SECONDS:
                    pinged = now
                    subscription.ping()
        finally:
            subscription.close()
            client.close()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._is_heard.set()
        elif message["type"] == "message":
            self._hear(message["data"])
