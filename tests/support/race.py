"""Clients that start at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.answers import Answer

Result = TypeVar("Result")


def at_once(actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run every action in a thread of its own, released by one barrier; return their results."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        barrier.wait(timeout=30)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def statuses(answers: Sequence[Answer]) -> dict[int, int]:
    """Return how often each status came, and fail on any 5xx, showing the answers."""
    found: dict[int, int] = {}
    for answer in answers:
        found[answer.status] = found.get(answer.status, 0) + 1
    assert all(status < 500 for status in found), [str(a) for a in answers if a.status >= 500]
    return dict(sorted(found.items()))
