"""A pool of few threads with a low priority and a queue that is bounded in time and in number."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
# Whoever has not come to their hash by then waits for something else.
SLOW_SECONDS = 0.05


class HashQueueFull(Unavailable):
    """More passwords wait than can be checked in time; nothing was counted.

    Less work is refused, never weaker work done.
    """

    code = "hash_queue_full"
    title = "Too many passwords are being checked now"
    remedy = "Wait for `Retry-After`."


@dataclass(slots=True)
class _Place:
    """A place in the queue. It lies ahead of the threads from its turn until its hash begins."""

    is_ahead: bool = False
    is_first: threading.Event = field(default_factory=threading.Event)


class _Here(threading.local):
    place: _Place | None = None


class HashPool:
    """Runs functions in low-priority threads and refuses what would wait too long.

    Who wants one takes a place in the queue before work of their own, and begins with that when
    the threads are about to need it. Of a crowd that comes at once, all would else look into the
    database at once, only to wait for seconds then. Of a crowd with one name only one waits: what
    the others guess is counted at once, and most of them are told that it was too often.

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
        self._here = _Here()
        self._changed = threading.Condition()
        self._begin()

    @property
    def pending(self) -> int:
        """How many of this process hold a place."""
        return self._pending

    def expect_room(self) -> None:
        """Raise `HashQueueFull` if there is no place."""
        with self._changed:
            self._begin_in_child()
            self._refuse_excess()

    @contextmanager
    def place(self, name: str | None = None) -> Iterator[None]:
        """Hold a place in the queue, from one's turn on; raises `HashQueueFull` at once.

        Within a place it is the same place. While somebody of the same `name` holds one, the
        caller gets none and goes on without waiting; `run` takes one for the hash.
        """
        if self._here.place is not None:
            yield
            return
        with self._changed:
            self._begin_in_child()
            self._refuse_excess()
            place = None if name in self._names else self._new_place(name)
        if place is None:
            yield
            return
        try:
            self._wait_for_turn(place)
            self._here.place = place
            yield
        finally:
            self._here.place = None
            with self._changed:
                self._pending -= 1
                self._names.discard(name)
                self._settle(place)

    def run(self, function: Callable[[], Result]) -> Result:
        """Return what `function` returns; takes a place for it if the caller has none."""
        with self.place(), resting:
            place = self._here.place
            assert place is not None  # only a name can be without
            return self._executor.submit(self._timed, function, place).result()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._pending = self._ahead = self._running = 0
        self._names: set[str | None] = set()  # of those who hold a place
        self._line: deque[_Place] = deque()  # of those who wait for their turn
        self._begun_at = 0.0
        self._executor = ThreadPoolExecutor(
            self.threads, thread_name_prefix="hash", initializer=_lower_priority
        )

    def _begin_in_child(self) -> None:
        """Begin anew after a fork: the parent's threads are not here, nor is what they had."""
        if self._process != os.getpid():
            self._begin()

    def _new_place(self, name: str | None) -> _Place:
        self._pending += 1
        if name is not None:
            self._names.add(name)
        return _Place()

    def _wait_for_turn(self, place: _Place) -> None:
        with self._changed:
            if not self._line and self._is_turn():
                self._take_turn(place)
                return
            self._join_line(place)
        try:
            with resting:
                place.is_first.wait()
                with self._changed:
                    while not self._is_turn():
                        self._changed.wait(SLOW_SECONDS)
                    self._take_turn(place)
        finally:
            with self._changed:
                self._leave_line(place)

    def _join_line(self, place: _Place) -> None:
        """Stand behind the others. The first watches the threads, everybody else the first."""
        self._line.append(place)
        self._line[0].is_first.set()

    def _leave_line(self, place: _Place) -> None:
        self._line.remove(place)
        if self._line:
            self._line[0].is_first.set()

    def _take_turn(self, place: _Place) -> None:
        self._ahead += 1
        self._begun_at = monotonic()
        place.is_ahead = True

    def _is_turn(self) -> bool:
        """Tell whether the threads are about to run out of work.

        Where what comes before a hash is slow, as with a slow database, others have to begin
        before that one is ready.
        """
        if self._ahead < self.threads:
            return True
        return self._running < self.threads and monotonic() - self._begun_at > SLOW_SECONDS

    def _settle(self, place: _Place) -> None:
        """Let the next begin, once this one no longer lies ahead."""
        if place.is_ahead:
            place.is_ahead = False
            self._ahead -= 1
            self._changed.notify()

    def _refuse_excess(self) -> None:
        ahead_seconds = self._pending * self._estimate / self.threads
        is_waiting = self._pending >= self.threads
        if self._pending >= self._most or (is_waiting and ahead_seconds > self._queue_seconds):
            raise HashQueueFull(retry_after_seconds=max(1, ceil(ahead_seconds)))

    def _timed(self, function: Callable[[], Result], place: _Place) -> Result:
        with self._changed:
            self._running += 1
            self._settle(place)
        began = monotonic()
        try:
            return function()
        finally:
            taken = monotonic() - began
            with self._changed:
                self._running -= 1
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
