"""The threads of a worker: many may wait, and one is at work at a time.

Python lets one thread run at a time. When thirty have something to do, or only two, they spend as
much time on taking turns as on their requests. So a request is taken up when no thread is at work.
Who waits for a hash, a server or a free connection says so and does not count meanwhile; nor does
who has been at it for long, because that is waiting too (for a lock, the disk, a slow client).

A thread that has served its request looks for the next one itself. Another one to do that would
only take turns with it.

A server that is near answers before another thread has woken up and got its turn. Who waits for
one of those still counts for a moment: letting others in meanwhile took longer than the wait.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from gatehouse.infra.logs import logger

# Longer than what most requests compute at a stretch.
LONG_SECONDS = 0.01
# Whose quickest answers take less than this is near, and usually has answered within a moment.
NEAR_SECONDS = 0.0005
MOMENT_SECONDS = 0.002


class _Job:
    """Something that is served, and until when it counts as work."""

    __slots__ = ("item", "until")

    def __init__(self, item: Any) -> None:
        self.item, self.until = item, time.monotonic() + LONG_SECONDS


class Threads:
    """Serves what is added by at most `most` threads, which start when needed.

    There are two queues, each in its order, and both have their turn: a crowd of newcomers does
    not hold up those who are known.

    Who has finished calls `look`, which adds what has come by now, or comes within some seconds,
    unless somebody else is looking. `awaken` tells that nobody here is going to look soon.
    """

    def __init__(
        self,
        most: int,
        serve: Callable[[Any], None],
        *,
        look: Callable[[float], None],
        awaken: Callable[[], None],
    ) -> None:
        self._most, self._serve = most, serve
        self._look, self._awaken = look, awaken
        self._looked_at = -math.inf
        self._lock = threading.Lock()
        self._known: deque[Any] = deque()
        self._newcomers: deque[Any] = deque()
        self._is_turn_of_newcomers = False
        self._taken: set[_Job] = set()
        # There are never fewer threads than what was taken, so whatever is handed meets one.
        self._handed: SimpleQueue[_Job | None] = SimpleQueue()
        self._started = 0

    def add(self, item: Any, *, is_newcomer: bool = False) -> None:
        """Let something wait for a thread; call `hand_over` after the last of a batch."""
        with self._lock:
            (self._newcomers if is_newcomer else self._known).append(item)

    def hand_over(self) -> None:
        """Give what waits to threads that are free, as far as there is room."""
        with self._lock:
            while self._may_take() and self._has_thread():
                self._handed.put(self._take())

    def look_again_in(self, seconds: float) -> float:
        """Return when to call `hand_over` again even if nothing new comes, at most `seconds`."""
        return min(seconds, MOMENT_SECONDS) if self._is_anything_waiting() else seconds

    def alone_seconds(self) -> float:
        """Return for how long nobody else has to look, 0 or less if not at all.

        Somebody counts as being at work so long, and somebody has looked not long ago.
        """
        with self._lock:
            until = max((job.until for job in self._taken), default=-math.inf)
        return min(until, self._looked_at + LONG_SECONDS) - time.monotonic()

    def note_look(self) -> None:
        """Hear that somebody has just looked."""
        self._looked_at = time.monotonic()

    def rest(self, job: _Job) -> None:
        """Let others work and look while one of these threads waits."""
        job.until = 0.0
        self.hand_over()
        self._awaken_if_nobody_works()

    def shutdown(self, wait: bool = False) -> None:
        """Let each thread end once it has finished what it is at."""
        for _ in range(self._started):
            self._handed.put(None)

    def _work(self) -> None:
        job = self._handed.get()
        while job is not None:
            _here.job = self, job
            try:
                self._serve(job.item)
            except Exception:  # a thread that ended here would be missed for ever
                logger.exception("serving_failed")
            job = self._after(job) or self._handed.get()

    def _after(self, job: _Job) -> _Job | None:
        """Put down what was served, and take up what is next, if there is room."""
        self._look_around(job)
        with self._lock:
            self._taken.remove(job)
            following = self._take() if self._may_take() else None
        if following is None:
            self._awaken_if_nobody_works()
        return following

    def _awaken_if_nobody_works(self) -> None:
        if self.alone_seconds() <= 0:
            self._awaken()

    def _look_around(self, job: _Job) -> None:
        """See what has come; where nothing waits, for a moment longer."""
        now, is_busy = time.monotonic(), self._is_anything_waiting()
        if is_busy and now < self._looked_at + MOMENT_SECONDS:
            return
        job.until = now + LONG_SECONDS
        try:
            self._look(0.0 if is_busy else MOMENT_SECONDS)
        except Exception:  # as in `_work`
            logger.exception("looking_failed")
        self.note_look()

    def _take(self) -> _Job:
        newcomers_first = self._is_turn_of_newcomers
        self._is_turn_of_newcomers = not newcomers_first
        one, other = self._known, self._newcomers
        if newcomers_first:
            one, other = other, one
        job = _Job((one or other).popleft())
        self._taken.add(job)
        return job

    def _is_anything_waiting(self) -> bool:
        return bool(self._known or self._newcomers)

    def _may_take(self) -> bool:
        if not self._is_anything_waiting() or len(self._taken) >= self._most:
            return False
        now = time.monotonic()
        return all(job.until <= now for job in self._taken)

    def _has_thread(self) -> bool:
        """Tell whether a thread is free for one more, and start one if none is."""
        if len(self._taken) < self._started:
            return True
        try:
            threading.Thread(target=self._work, daemon=True).start()
        except RuntimeError:  # the machine gives no more of them: those that there are go on
            return False
        self._started += 1
        return True


class _Here(threading.local):
    job: tuple[Threads, _Job] | None = None


class _Resting:
    """Tells that the present thread waits for something outside; others may work meanwhile."""

    def __enter__(self) -> None:
        if _here.job is not None:
            threads, job = _here.job
            threads.rest(job)

    def __exit__(self, *_: object) -> None:
        if _here.job is not None:
            _here.job[1].until = time.monotonic() + LONG_SECONDS


class Asking:
    """Tells that the present thread waits for the answer of a server, one object for each server.

    It learns whether the server is near: from its quickest answers, because those of a busy one
    are late.
    """

    def __init__(self) -> None:
        self._quickest_seconds = math.inf

    @property
    def is_near(self) -> bool:
        """Whether an answer comes sooner than another thread could use the time."""
        return self._quickest_seconds < NEAR_SECONDS

    def learn(self, seconds: float) -> None:
        """Hear how long an answer took, from the question on."""
        # Forgotten bit by bit: after a hundred slow answers a server is no longer near.
        self._quickest_seconds = min(seconds, self._quickest_seconds * 1.02)

    def __enter__(self) -> None:
        if _here.job is None:
            return
        if self.is_near:
            _here.job[1].until = time.monotonic() + MOMENT_SECONDS
        else:
            resting.__enter__()

    def __exit__(self, *error: object) -> None:
        resting.__exit__(*error)


_here = _Here()
resting = _Resting()
