"""Who looks at the poller: the main thread, or a thread that is at work while that one is away."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from gatehouse.infra import threads
from gatehouse.infra.server.dispatch import DispatchingWorker
from gatehouse.infra.threads import Asking, resting

ENOUGH_SECONDS = 10.0


class Looking(DispatchingWorker):
    """The part of a worker that looks, with one thing to see: what is sent to `sent`."""

    def __init__(self) -> None:
        self.cfg = SimpleNamespace(threads=10)
        self.alive = self._accepting = True
        self.nr_conns, self.worker_connections = 0, 10
        self.tpool = self.get_thread_pool()
        self.poller = selectors.DefaultSelector()
        self.sent, self._heard = socket.socketpair()
        self.poller.register(self._heard, selectors.EVENT_READ, self._hear)
        self.goes_on, self.rests = threading.Event(), threading.Event()
        self.seen_by: list[int] = []

    def hand(self, act: object) -> None:
        self.tpool.add(act)
        self.tpool.hand_over()

    def close(self) -> None:
        self.goes_on.set()
        self.rests.set()
        self.tpool.shutdown()
        self.poller.close()
        self.sent.close()
        self._heard.close()

    def _serve(self, act: object) -> None:
        if act == "rest":
            self.rests.wait()
            with resting:
                self.goes_on.wait()
        elif act == "ask":
            near = Asking()
            near.learn(0.0)
            self.rests.wait()
            with near:  # but this answer is late
                self.goes_on.wait()
        else:
            self.goes_on.wait()

    def _hear(self, _: object) -> None:
        self._heard.recv(1)
        self.seen_by.append(threading.get_ident())


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looking]:
    """A worker that nobody looks for yet; who is at work stays so, however slow the machine is."""
    monkeypatch.setattr(threads, "LONG_SECONDS", ENOUGH_SECONDS)
    worker = Looking()
    yield worker
    worker.close()


@contextmanager
def away(worker: Looking) -> Iterator[threading.Thread]:
    """Let another thread be the main one, which stands back for at most ten seconds."""
    limit = time.monotonic() + ENOUGH_SECONDS
    thread = threading.Thread(target=worker._stand_back, args=(limit,), daemon=True)
    thread.start()
    while not worker._stands_back and thread.is_alive():
        time.sleep(0.001)
    yield thread


def is_back(thread: threading.Thread) -> bool:
    """Wait for the main thread; tell whether it came before its time was over."""
    thread.join(ENOUGH_SECONDS / 2)
    return not thread.is_alive()


def test_nobody_stands_back_while_nobody_is_at_work(worker: Looking) -> None:
    began = time.monotonic()
    worker._stand_back(began + ENOUGH_SECONDS)
    assert time.monotonic() - began < ENOUGH_SECONDS / 2
    assert worker._looking.locked()


def test_who_has_finished_sees_what_came_while_the_main_thread_is_away(worker: Looking) -> None:
    worker.hand("work")
    with away(worker) as main:
        worker.sent.send(b"!")
        time.sleep(0.05)
        assert not worker.seen_by, "who is at work is not disturbed"
        worker.goes_on.set()
        assert is_back(main), "nobody was at work any more"
    assert len(worker.seen_by) == 1
    assert worker.seen_by[0] not in {threading.get_ident(), main.ident}
    assert worker._looking.locked()


def test_while_the_main_thread_looks_nobody_else_does(worker: Looking) -> None:
    worker.sent.send(b"!")
    worker._look(0.0)
    assert not worker.seen_by
    worker.wait_for_and_dispatch_events(0.0)
    assert worker.seen_by == [threading.get_ident()]


@pytest.mark.parametrize("what", ["rest", "ask"])
def test_the_main_thread_comes_back_when_the_one_at_work_waits(worker: Looking, what: str) -> None:
    """For something far, or for a server that is near and late for once."""
    worker.hand(what)
    with away(worker) as main:
        worker.rests.set()
        assert is_back(main)
    assert not worker.goes_on.is_set(), "it waits still"


@pytest.mark.parametrize("why", ["full", "accepts none", "stopping"])
def test_without_room_the_main_thread_comes_back_however_much_work_there_is(
    worker: Looking, why: str
) -> None:
    """It alone hangs up on the idle, and stops."""
    worker.hand("work")
    with away(worker) as main:
        if why == "full":
            worker.nr_conns = worker.worker_connections
        elif why == "stopping":
            worker.alive = False
        else:
            worker._accepting = False
        worker.sent.send(b"!")
        worker._look(0.0)
        assert is_back(main)
        assert not worker.seen_by
        began = time.monotonic()
        worker._stand_back(began + ENOUGH_SECONDS)
        assert time.monotonic() - began < ENOUGH_SECONDS / 2, "and stays"


def test_what_waits_is_handed_over_while_another_thread_has_much_to_see(worker: Looking) -> None:
    worker.hand("work")
    with away(worker) as main:
        with worker._looking:
            worker.alive = False  # the main thread wants to come back, and cannot
            while worker._stands_back:
                time.sleep(0.001)
            next(iter(worker.tpool._taken)).until = 0.0
            worker.tpool.add("more")
            limit = time.monotonic() + ENOUGH_SECONDS
            while len(worker.tpool._taken) < 2:
                assert time.monotonic() < limit
                time.sleep(0.001)
        assert is_back(main)


def test_the_main_thread_comes_back_in_time_to_tell_that_it_lives(worker: Looking) -> None:
    worker.hand("work")
    began = time.monotonic()
    worker._stand_back(began + 0.05)
    assert time.monotonic() - began < ENOUGH_SECONDS / 2
