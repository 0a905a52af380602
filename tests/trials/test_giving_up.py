"""A mutant's process is given up by what it does itself, however busy the machine is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from trials import _mutants_child
from trials._mutants_child import IDLE_SECONDS, Child

WAITING = "print(flush=True); input()"
COMPUTING = "print(flush=True)\nwhile True: pass"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def child(stack: ExitStack, program: str) -> Child:
    """Start a Python program that says a line when it has begun."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    process.stdout.readline()
    return Child(process.pid, {}, "", 1, 0.0)


def test_one_that_sleeps_too_long_at_one_go_is_hung(stack: ExitStack) -> None:
    one = child(stack, WAITING)
    while _mutants_child.processor(one.pid)[0] != "S":
        pass
    one.is_hung(0)
    assert not one.is_hung(IDLE_SECONDS - 1)
    one.goes_on(b"another test")
    assert not one.is_hung(IDLE_SECONDS - 1)
    assert one.is_hung(2)


def test_one_that_is_suspended_is_not_hung(stack: ExitStack) -> None:
    one = child(stack, WAITING)
    os.kill(one.pid, signal.SIGSTOP)
    while _mutants_child.processor(one.pid)[0] != "T":
        pass
    assert not one.is_hung(10 * IDLE_SECONDS)


def test_one_that_computes_without_end_is_hung(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mutants_child, "BUSY_SECONDS", 0.2)
    one = child(stack, COMPUTING)
    assert not one.is_hung(10 * IDLE_SECONDS)
    while not one.is_hung(0):
        pass
    assert one.computed > 0.2
