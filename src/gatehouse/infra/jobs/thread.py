"""The thread of a server process that drains the outbox; it begins in the worker, after the fork.

It sleeps until work of its own process leaves with a commit, and looks every few seconds for what
others left. Looking is one read; a write transaction begins only when something is due.
"""

import random
import threading
from importlib import import_module
from typing import Any
from uuid import UUID

from flask import Flask

from gatehouse.infra.jobs.runner import ensure_periodic, run_due
from gatehouse.infra.logs import logger
from gatehouse.settings import Settings

EXTENSION, MAKER = "gatehouse.job_thread", "gatehouse.job_thread.maker"
POLL_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 15.0
# The answer of the request that woke us goes out first.
COURTESY_SECONDS = 0.05


class JobThread(threading.Thread):
    """Drains the outbox of one application until it is told to stop; no error ends it."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="jobs", daemon=True)
        self._app = app
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._failures = 0
        self._is_ready = False

    def wake(self, _entry_id: UUID) -> None:
        """Say that there may be work."""
        self._woken.set()

    def stop(self, *, timeout: float) -> None:
        """Let the present piece of work finish, and wait for it up to `timeout` seconds."""
        self._stopped.set()
        self._woken.set()
        self.join(timeout)

    def run(self) -> None:
        """Look, work, sleep."""
        pause = 0.0
        while True:
            if self._woken.wait(pause):
                self._woken.clear()
                self._stopped.wait(COURTESY_SECONDS)
            if self._stopped.is_set():
                return
            pause = self._drain()

    def _drain(self) -> float:
        """Do what is due and return for how long there will be nothing to do."""
        try:
            with self._app.app_context():
                if not self._is_ready:
                    ensure_periodic()
                    self._is_ready = True
                while run_due(limit=1) and not self._stopped.is_set():
                    pass
        except Exception as error:  # above all a database that is away: the thread outlives it
            self._failures += 1
            if self._failures == 1:
                logger.warning("jobs_interrupted", error=type(error).__name__)
            return _blurred(min(2.0 ** (self._failures - 1), LONGEST_PAUSE_SECONDS))
        if self._failures:
            self._failures = 0
            logger.info("jobs_resumed")
        return _blurred(POLL_SECONDS)


def prepare(app: Flask) -> None:
    """Choose once what the processes of `app` do about new work; starts no thread.

    Celery is loaded where it is wanted only, and before a preloading server forks.
    """
    settings: Settings = app.config["SETTINGS"]
    if settings.jobs == "embedded":
        app.extensions[MAKER] = JobThread
    elif settings.jobs == "celery":
        app.extensions[MAKER] = import_module("gatehouse.infra.jobs.messages").JobMessages


def start_thread(app: Flask) -> None:
    """Start the thread of this process, once; does nothing with JOBS=off."""
    make = app.extensions.get(MAKER)
    if make is None or app.extensions.get(EXTENSION) is not None:
        return
    app.extensions[EXTENSION] = thread = make(app)
    thread.start()


def stop_thread(app: Flask, *, timeout: float = 5.0) -> None:
    """Stop the thread of this process, if there is one."""
    thread: Any = app.extensions.pop(EXTENSION, None)
    if thread is not None:
        thread.stop(timeout=timeout)


def wake(app: Flask, entry_id: UUID) -> None:
    """Tell the thread of this process, if there is one, that a row waits."""
    thread: Any = app.extensions.get(EXTENSION)
    if thread is not None:
        thread.wake(entry_id)


def _blurred(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
