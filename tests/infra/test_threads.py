"""The threads of a worker: one at work, many in wait, and none forgotten."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gatehouse.infra import threads
from gatehouse.infra.threads import (
    LONG_SECONDS,
    MOMENT_SECONDS,
    NEAR_SECONDS,
    Asking,
    Threads,
    resting,
)

ENOUGH_SECONDS = 10.0


class Work:
    """Items that are served by what each of them does."""

    def __init__(self, most: int) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.threads = Threads(most, self._serve, look=self._look, awaken=self._awaken)
        self.comes: deque[Callable[[], object]] = deque()  # what each look finds
        self.on_look: Callable[[], object] = lambda: None
        self.looked: list[float] = []
        self.awakened = 0
        self._acts: dict[int, Callable[[], object]] = {}

    def add(self, *acts: Callable[[], object], are_newcomers: bool = False) -> None:
        for act in acts:
            self._add(act, is_newcomer=are_newcomers)
        self.threads.hand_over()

    def _add(self, act: Callable[[], object], *, is_newcomer: bool = False) -> None:
        number = len(self._acts)
        self._acts[number] = act
        self.threads.add(number, is_newcomer=is_newcomer)

    def _look(self, seconds: float) -> None:
        self.looked.append(seconds)
        self.on_look()
        if self.comes:
            self._add(self.comes.popleft())

    def _awaken(self) -> None:
        self.awakened += 1

    def _serve(self, number: int) -> None:
        self.begun.append(number)
        self._acts[number]()
        self.done.append(number)


@contextmanager
def working(most: int = 10) -> Iterator[Work]:
    work = Work(most)
    try:
        yield work
    finally:
        work.threads.shutdown()


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + ENOUGH_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be taken for waiting only because the machine is slow."""
    monkeypatch.setattr(threads, "LONG_SECONDS", ENOUGH_SECONDS)


@pytest.mark.usefixtures("patient")
def test_one_is_at_work_and_everybody_comes_in_turn() -> None:
    goes_on = threading.Event()
    with working() as work:
        work.add(*[goes_on.wait] * 50)
        until(lambda: work.begun)
        time.sleep(0.05)
        assert work.begun == [0]
        goes_on.set()
        until(lambda: len(work.done) == 50)
    assert sorted(work.done) == list(range(50))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("is_crowd_new", [True, False])
def test_a_crowd_of_one_kind_does_not_hold_up_the_other(is_crowd_new: bool) -> None:
    """Neither newcomers the known, nor the known newcomers: they are served in turn."""
    goes_on = threading.Event()
    with working() as work:
        work.add(*[goes_on.wait] * 50, are_newcomers=is_crowd_new)
        work.add(*[goes_on.wait] * 5, are_newcomers=not is_crowd_new)
        until(lambda: work.begun)
        goes_on.set()
        until(lambda: len(work.done) == 55)
    few = [place for place, number in enumerate(work.begun) if number >= 50]
    assert max(few) <= 1 + 2 * 5


@pytest.mark.usefixtures("patient")
def test_who_rests_does_not_count_and_counts_again_afterwards() -> None:
    goes_on, works, is_back = threading.Event(), threading.Event(), threading.Event()

    def rests() -> None:
        with resting:
            goes_on.wait()
        is_back.set()
        works.wait()

    with working() as work:
        work.add(rests, lambda: None)
        until(lambda: work.done == [1])
        goes_on.set()
        is_back.wait()
        work.add(lambda: None)
        time.sleep(0.05)
        assert work.begun == [0, 1]
        works.set()
        until(lambda: len(work.done) == 3)


def begun_while_asking(work: Work, asking: Asking, *, seconds: float) -> int:
    """Let the one at work wait for an answer, and return how many others come in meanwhile."""
    answered = threading.Event()

    def asks() -> None:
        with asking:
            answered.wait()

    before = len(work.begun)
    work.add(asks)
    until(lambda: len(work.begun) == before + 1)
    work.add(lambda: None)
    time.sleep(seconds)
    work.threads.hand_over()
    time.sleep(0.05)
    others = len(work.begun) - before - 1
    answered.set()
    until(lambda: len(work.done) == len(work.begun) == before + 2)
    return others


@pytest.mark.usefixtures("patient")
def test_others_come_in_at_once_while_a_far_server_is_asked() -> None:
    asking = Asking()
    with working() as work:
        assert begun_while_asking(work, asking, seconds=0.0) == 1
        asking.learn(2 * NEAR_SECONDS)
        assert begun_while_asking(work, asking, seconds=0.0) == 1


@pytest.mark.usefixtures("patient")
def test_a_near_server_is_waited_for_and_only_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking()
    asking.learn(NEAR_SECONDS / 3)
    with working() as work:
        with monkeypatch.context() as patched:
            patched.setattr(threads, "MOMENT_SECONDS", ENOUGH_SECONDS)
            assert begun_while_asking(work, asking, seconds=0.0) == 0
        assert begun_while_asking(work, asking, seconds=2 * MOMENT_SECONDS) == 1


@pytest.mark.usefixtures("patient")
def test_a_server_that_was_near_and_is_slow_now_is_far() -> None:
    asking = Asking()
    asking.learn(NEAR_SECONDS / 3)
    for _ in range(100):
        asking.learn(2 * NEAR_SECONDS)
    with working() as work:
        assert begun_while_asking(work, asking, seconds=0.0) == 1


def test_who_takes_long_does_not_count() -> None:
    goes_on = threading.Event()
    with working() as work:
        work.add(goes_on.wait, goes_on.wait)
        assert work.threads.look_again_in(1.0) <= LONG_SECONDS
        time.sleep(2 * LONG_SECONDS)
        work.threads.hand_over()
        until(lambda: len(work.begun) == 2)
        assert work.threads.look_again_in(1.0) == 1.0
        goes_on.set()
        until(lambda: len(work.done) == 2)


def test_never_more_than_all_threads_are_taken() -> None:
    goes_on = threading.Event()

    def rests() -> None:
        with resting:
            goes_on.wait()

    with working(most=3) as work:
        work.add(*[rests] * 7)
        until(lambda: len(work.begun) == 3)
        time.sleep(2 * LONG_SECONDS)
        work.threads.hand_over()
        time.sleep(0.02)
        assert len(work.begun) == 3
        goes_on.set()
        until(lambda: len(work.done) == 7)


def test_what_comes_again_while_it_is_served_is_served_again() -> None:
    # A kept connection whose next request is faster than the thread that has put it back.
    comes_again = threading.Event()
    served = []

    def serve(item: object) -> None:
        served.append(item)
        if len(served) == 1:
            workers.add(item)
            with resting:
                until(lambda: len(served) == 2)
            comes_again.set()
        else:
            comes_again.wait()

    workers = Threads(10, serve, look=lambda _: None, awaken=lambda: None)
    try:
        workers.add(serve)
        workers.hand_over()
        until(lambda: len(served) == 2 and comes_again.is_set())
    finally:
        workers.shutdown()


def test_what_breaks_costs_no_thread() -> None:
    def breaks() -> None:
        raise ValueError("on purpose")

    with working(most=1) as work:
        work.add(*[breaks] * 5)
        work.add(lambda: None)
        until(lambda: len(work.done) == 1)


@pytest.mark.usefixtures("patient")
def test_who_has_finished_looks_for_more_and_tells_when_nothing_came() -> None:
    served_by: list[int] = []

    def note() -> None:
        served_by.append(threading.get_ident())

    with working() as work:
        work.comes.extend([note] * 3)
        work.add(note)
        until(lambda: work.awakened == 1)
        assert len(served_by) == 4
        assert len(set(served_by)) == 1, "nobody else was woken up for it"
        assert work.looked == [MOMENT_SECONDS] * 4, "for a moment each time, where nothing waits"


@pytest.mark.usefixtures("patient")
def test_while_others_wait_who_has_finished_looks_rarely_and_does_not_linger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "MOMENT_SECONDS", ENOUGH_SECONDS)
    with working() as work:
        work.add(*[lambda: None] * 40)
        until(lambda: work.awakened == 1)
    assert work.looked == [0.0, ENOUGH_SECONDS]


@pytest.mark.usefixtures("patient")
def test_who_rests_lets_others_look() -> None:
    goes_on = threading.Event()

    def rests() -> None:
        with resting:
            goes_on.wait()

    with working() as work:
        work.add(rests)
        until(lambda: work.awakened == 1)
        assert work.threads.alone_seconds() <= 0
        goes_on.set()
        until(lambda: work.done == [0])


@pytest.mark.usefixtures("patient")
def test_nobody_else_is_called_while_one_is_at_work() -> None:
    goes_on, works = threading.Event(), threading.Event()

    def rests() -> None:
        with resting:
            goes_on.wait()

    with working() as work:
        work.threads.note_look()
        work.add(rests, works.wait)
        until(lambda: work.begun == [0, 1])
        goes_on.set()
        until(lambda: work.done == [0])
        time.sleep(0.05)
        assert not work.awakened, "who is at work looks in the end"
        works.set()
        until(lambda: work.awakened == 1)


@pytest.mark.usefixtures("patient")
def test_who_looks_counts_as_being_at_work() -> None:
    """Otherwise the main thread would come back and look as well."""
    goes_on = threading.Event()

    def rests() -> None:
        with resting:
            pass
        threads._here.job[1].until = 0.0  # type: ignore[index]  # for long by now

    with working() as work:
        work.on_look = goes_on.wait
        work.add(rests)
        until(lambda: work.looked != [])
        work.threads.note_look()
        assert work.threads.alone_seconds() > 0
        goes_on.set()
        until(lambda: work.threads.alone_seconds() <= 0)


def test_who_has_not_looked_for_long_does_not_count_as_looking() -> None:
    """However often a request asks its database: others have to be let in, or refused."""
    goes_on = threading.Event()

    def asks() -> None:
        asking = Asking()
        asking.learn(0.0)
        while not goes_on.wait(LONG_SECONDS / 10):
            with asking:
                pass

    with working() as work:
        work.add(asks)
        work.threads.note_look()
        until(lambda: work.threads.alone_seconds() <= 0)
        work.threads.note_look()
        assert work.threads.alone_seconds() <= LONG_SECONDS
        goes_on.set()


def test_a_look_that_breaks_costs_no_thread() -> None:
    def breaks() -> None:
        raise ValueError("on purpose")

    with working(most=1) as work:
        work.on_look = breaks
        work.add(lambda: None, lambda: None)
        until(lambda: len(work.done) == 2)


def test_a_machine_without_threads_to_give_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with working() as work:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            work.add(lambda: None)
        assert work.threads.look_again_in(1.0) < 1.0
        work.threads.hand_over()
        until(lambda: work.done == [0])


def test_nobody_waits_behind_one_who_rests_while_threads_may_start() -> None:
    """However adding, ending and starting meet: what was added is begun at once."""
    for _ in range(300):
        goes_on = threading.Event()

        def rests(goes_on: threading.Event = goes_on) -> None:
            with resting:
                goes_on.wait()

        with working() as work:
            work.add(lambda: None)
            work.add(rests)
            work.add(lambda: None)
            until(lambda work=work: len(work.done) == 2)  # type: ignore[misc]
            goes_on.set()


def test_elsewhere_resting_is_nothing() -> None:
    with resting, Asking():
        pass
