"""The pool of hashing threads: few, of low priority, with a bounded queue."""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from gatehouse.infra.hashing.pool import HashPool, HashQueueFull


def pool(
    *, threads: int = 1, workers: int = 1, most: int = 8, seconds: float = 8, estimate: float = 0.01
) -> HashPool:
    return HashPool(
        threads=threads,
        workers=workers,
        most_waiting=most,
        queue_seconds=seconds,
        first_estimate_seconds=estimate,
    )


class Gate:
    """Work that goes on until it is let through."""

    def __init__(self, tested: HashPool, callers: int) -> None:
        self.open = threading.Event()
        self.callers = ThreadPoolExecutor(callers)
        self.running = [
            self.callers.submit(tested.run, lambda: self.open.wait(10)) for _ in range(callers)
        ]
        while tested._pending < callers:
            time.sleep(0.001)

    def let_through(self) -> None:
        self.open.set()
        assert all(work.result() for work in self.running)
        self.callers.shutdown()


def test_it_returns_and_raises_what_the_work_does() -> None:
    assert pool().run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        pool().run(lambda: 1 / 0)


def test_threads_over_all_processes_are_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.infra.hashing.pool._cores", lambda: 8)
    assert pool(threads=0, workers=1).threads == 8
    assert pool(threads=0, workers=3).threads == 2
    assert pool(threads=0, workers=16).threads == 1
    assert pool(threads=5, workers=16).threads == 5


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has its own nice value on Linux")
def test_only_the_hashing_threads_give_way() -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = nice()
    assert pool().run(nice) == min(19, before + 5)
    assert nice() == before


def test_the_queue_is_bounded_in_number() -> None:
    tested = pool(most=3)
    gate = Gate(tested, 3)
    with pytest.raises(HashQueueFull) as caught:
        tested.run(lambda: None)
    assert (caught.value.status, caught.value.code) == (503, "hash_queue_full")
    assert int(caught.value.headers["Retry-After"]) >= 1
    gate.let_through()
    assert tested.run(lambda: "again") == "again"


def test_the_queue_is_bounded_in_time() -> None:
    """F15: a refusal says how long the work that is waiting will take."""
    tested = pool(most=100, seconds=8, estimate=3)
    gate = Gate(tested, 3)
    with pytest.raises(HashQueueFull) as caught:
        tested.run(lambda: None)
    assert caught.value.headers["Retry-After"] == "9"
    gate.let_through()


class Crowd:
    """Callers who come at once, and who of them has begun with what comes before the hash."""

    def __init__(self, tested: HashPool, callers: int) -> None:
        self.begun = 0
        self.ready = threading.Event()
        self._pool, self._lock = tested, threading.Lock()
        self._callers = ThreadPoolExecutor(callers)
        before = tested.pending
        self._coming = [self._callers.submit(self._come) for _ in range(callers)]
        wait_until(lambda: tested.pending == before + callers)

    def _come(self) -> None:
        with self._pool.place():
            with self._lock:
                self.begun += 1
            assert self.ready.wait(10)
            self._pool.run(lambda: None)

    def go_home(self) -> None:
        self.ready.set()
        for one in self._coming:
            one.result(10)


def wait_until(is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_of_a_crowd_one_begins_while_a_hash_runs() -> None:
    """F15: what a log-in asks of the database waits until its hash is near."""
    tested = pool(most=20)
    gate = Gate(tested, 1)
    crowd = Crowd(tested, 6)
    wait_until(lambda: crowd.begun > 0)
    crowd.ready.set()  # it waits for the thread now, which is taken
    time.sleep(0.2)
    assert crowd.begun == 1
    gate.let_through()
    crowd.go_home()
    assert (crowd.begun, tested.pending) == (6, 0)


def test_who_leaves_without_a_hash_lets_the_next_begin() -> None:
    tested = pool(most=20)
    gate = Gate(tested, 1)
    with tested.place():
        crowd = Crowd(tested, 1)
        time.sleep(0.1)
        assert crowd.begun == 0
    wait_until(lambda: crowd.begun == 1)
    gate.let_through()
    crowd.go_home()


def test_where_it_takes_long_to_get_ready_others_begin_meanwhile() -> None:
    """F2: a slow database does not make the threads wait for one caller after the other."""
    tested = pool(most=20)
    crowd = Crowd(tested, 4)
    wait_until(lambda: crowd.begun == 4)
    crowd.go_home()


def test_nobody_is_overtaken_for_long() -> None:
    """Whoever comes while others wait stands behind them."""
    tested = pool(threads=4, most=99)
    coming, turning = count(), count()
    late: list[int] = []

    def come_again_and_again() -> None:
        for _ in range(20):
            came = next(coming)
            with tested.place():
                late.append(next(turning) - came)
                time.sleep(0.001)
                tested.run(lambda: time.sleep(0.01))

    with ThreadPoolExecutor(30) as crowd:
        for one in [crowd.submit(come_again_and_again) for _ in range(30)]:
            one.result(30)
    # A thread may be slow to say that its turn has come, but not by many turns.
    assert max(late) < 15


def test_of_those_with_one_name_one_waits() -> None:
    """C9: what guesses ask of the throttle does not wait for a hash; what others ask does."""
    tested = pool(most=3)
    gate = Gate(tested, 1)
    with tested.place("one"), ThreadPoolExecutor(1) as other:
        assert other.submit(place_of, tested, "one").result(10) == 2
        waiting = other.submit(place_of, tested, "another")
        wait_until(lambda: tested.pending == 3)
        with ThreadPoolExecutor(1) as third, pytest.raises(HashQueueFull):
            third.submit(place_of, tested, "one").result(10)
        time.sleep(0.1)
        assert not waiting.done()
        gate.open.set()
        tested.run(lambda: None)
        waiting.result(10)
    gate.let_through()


def test_a_name_is_free_again_with_its_place() -> None:
    tested = pool()
    place_of(tested, "one")
    gate = Gate(tested, 1)
    with tested.place("two"), ThreadPoolExecutor(1) as other:
        waiting = other.submit(place_of, tested, "one")
        wait_until(lambda: tested.pending == 3)
        time.sleep(0.1)
        assert not waiting.done()
        gate.open.set()
        tested.run(lambda: None)
        waiting.result(10)
    gate.let_through()


def place_of(tested: HashPool, name: str) -> int:
    """Take a place, and return how many have one then."""
    with tested.place(name):
        return tested.pending


def test_a_place_within_a_place_is_the_same() -> None:
    tested = pool(most=1)
    with tested.place(), tested.place():
        assert tested.pending == 1
        assert [tested.run(lambda: 1), tested.run(lambda: 2)] == [1, 2]
        with pytest.raises(HashQueueFull):
            ThreadPoolExecutor(1).submit(tested.expect_room).result(10)
    assert tested.pending == 0
    with tested.place():
        pass


def test_one_caller_is_served_however_slow_the_work() -> None:
    assert pool(estimate=60).run(lambda: 1) == 1


def test_the_estimate_follows_the_measurements() -> None:
    tested = pool(estimate=60)
    for _ in range(50):
        tested.run(lambda: None)
    assert tested._estimate < 0.1


def test_a_child_process_has_threads_of_its_own() -> None:
    """The parent forks its workers after the program was loaded, and might have hashed before."""
    tested = pool()
    assert tested.run(os.getpid) == os.getpid()
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sending.send(tested.run(os.getpid)))
    child.start()
    assert receiving.poll(10)
    assert receiving.recv() == child.pid
    child.join(10)
    assert tested.run(os.getpid) == os.getpid()
