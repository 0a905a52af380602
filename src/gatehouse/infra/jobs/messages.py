"""The thread of a server process that tells the workers of new work (JOBS=celery).

A request hands over an id and goes on: however slow the broker is, no answer waits for it, and a
message that could not be sent is no loss, because the sweep finds the row.
"""

import threading
from contextlib import suppress
from queue import Full, Queue
from time import monotonic
from uuid import UUID

from flask import Flask

from gatehouse.infra.jobs import distributed
from gatehouse.infra.logs import logger

MOST_WAITING = 1000
SOCKET_SECONDS = 2.0
# While the broker is away it is asked once in this time, and the sweep does the rest.
PAUSE_SECONDS = 5.0


class JobMessages(threading.Thread):
    """Sends ids until it is told to stop; no error ends it."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="job-messages", daemon=True)
        self._celery = distributed.make(
            app.config["SETTINGS"],
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            read_timeout=SOCKET_SECONDS,
            write_timeout=SOCKET_SECONDS,
            max_retries=0,
        )
        self._celery.conf.broker_connection_timeout = SOCKET_SECONDS
        self._ids: Queue[UUID | None] = Queue(MOST_WAITING)
        self._stopped = threading.Event()
        self._is_away = False
        self._resume_at = 0.0

    def wake(self, entry_id: UUID) -> None:
        """Say that this row waits; what is too much is left to the sweep."""
        with suppress(Full):
            self._ids.put_nowait(entry_id)

    def stop(self, *, timeout: float) -> None:
        """Send what waits, and give that up to `timeout` seconds."""
        try:
            self._ids.put_nowait(None)
        except Full:  # the broker is slow or away, so the sweep has the rest
            self._stopped.set()
        self.join(timeout)
        self._stopped.set()

    def run(self) -> None:
        """Send one id after the other."""
        while not self._stopped.is_set() and (entry_id := self._ids.get()) is not None:
            if monotonic() >= self._resume_at:
                self._send(entry_id)

    def _send(self, entry_id: UUID) -> None:
        try:
            distributed.publish(self._celery, entry_id, retry=False)
        except Exception as error:  # whatever a broker that is away makes of it
            if not self._is_away:
                logger.warning("job_broker_away", error=type(error).__name__)
            self._is_away, self._resume_at = True, monotonic() + PAUSE_SECONDS
            return
        if self._is_away:
            self._is_away = False
            logger.info("job_broker_back")
