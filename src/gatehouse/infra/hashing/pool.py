"""A pool of few threads with a low priority and a queue that is bounded in time and in number."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import ceil
from time import monotonic
from typing import TypeVar

from gatehouse.core.errors import Unavailable
from gatehouse.infra.threads import resting

Result = TypeVar("Result")

# A third of the time that others of their kind get. With less of it they hardly come to an end
# while a process starts beside them, and the queue behind them is refused.
_NICE = 5
_WEIGHT = 0.2  # of the newest measurement in the moving estimate


class HashQueueFull(Unavailable):
    """More passwords wait than can be checked in time; nothing was counted.

    Less work is refused, never weaker work done.
    """

    code = "hash_queue_full"
    title = "Too many passwords are being checked now"
    remedy = "Wait for `Retry-After`."


class HashPool:
    """Runs functions in low-priority threads and refuses what would wait too long.

    `threads` 0 shares the cores among the `workers` processes. The threads start with the first
    function, in the process that calls it: a parent may fork before.
    """

    def __init__(
        self,
        *,
        threads: int,
        workers: int,
        most_waiting: int,
        queue_seconds: float,
        first_estimate_seconds: float,
    ) -> None:
        self.threads = threads or max(1, _cores() // workers)
        self._most = max(most_waiting, 1)
        self._queue_seconds = queue_seconds
        self._estimate = first_estimate_seconds
        self._pending = 0
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._process = 0

    @property
    def pending(self) -> int:
        """How many functions of this process run or wait."""
        return self._pending

    def expect_room(self) -> None:
        """Raise `HashQueueFull` if `run` would now."""
        with self._lock:
            self._start()
            self._refuse_excess()

    def run(self, function: Callable[[], Result]) -> Result:
        """Return what `function` returns, or raise `HashQueueFull` at once."""
        with self._lock:
            executor = self._admit()
        try:
            with resting:
                return executor.submit(self._timed, function).result()
        finally:
            with self._lock:
                self._pending -= 1

    def _admit(self) -> ThreadPoolExecutor:
        executor = self._start()
        self._refuse_excess()
        self._pending += 1
        return executor

    def _start(self) -> ThreadPoolExecutor:
        if self._executor is None or self._process != os.getpid():
            # After a fork the parent's threads are not here, nor is the work that they had.
            self._process, self._pending = os.getpid(), 0
            self._executor = ThreadPoolExecutor(
                self.threads, thread_name_prefix="hash", initializer=_lower_priority
            )
        return self._executor

    def _refuse_excess(self) -> None:
        ahead_seconds = self._pending * self._estimate / self.threads
        is_waiting = self._pending >= self.threads
        if self._pending >= self._most or (is_waiting and ahead_seconds > self._queue_seconds):
            raise HashQueueFull(retry_after_seconds=max(1, ceil(ahead_seconds)))

    def _timed(self, function: Callable[[], Result]) -> Result:
        began = monotonic()
        try:
            return function()
        finally:
            taken = monotonic() - began
            with self._lock:
                self._estimate += _WEIGHT * (taken - self._estimate)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system knows it
        return os.cpu_count() or 1


def _lower_priority() -> None:
    """Let this thread alone give way: on Linux every thread has its own nice value."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            usual = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, usual + _NICE))
