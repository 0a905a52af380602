"""The processes that do the work, and how one of them is killed."""

import os
import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support import workers
from tests.support.started import Started
from trials import _shared

PROCESSES = 4


class Gunicorn:
    """The processes of the server itself, whose threads send the mail (JOBS=embedded)."""

    def __init__(self, program: Started) -> None:
        self._main = program.process.pid

    def kill(self, _number: int) -> None:
        """Kill a random process and wait for its successor."""
        kill_child(self._main, wanted=2)

    def stop(self) -> None:
        """Leave the server to whoever started it."""


class Celery:
    """A worker with several processes, and two beats; now and then the worker dies as a whole."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        self._home, self._variables = home, variables
        self._stack, self._worker = ExitStack(), ExitStack()
        for _ in range(2):
            self._stack.enter_context(self._run("beat"))
        self._start()

    def kill(self, number: int) -> None:
        """Kill a random process of the worker, every tenth time its main one."""
        if number % 10 == 9:
            os.kill(self._main, signal.SIGKILL)
            self._worker.close()
            self._start()
        else:
            kill_child(self._main, wanted=PROCESSES)

    def stop(self) -> None:
        """Stop them as an operator does."""
        self._worker.close()
        self._stack.close()

    def _start(self) -> None:
        worker = self._run("worker", "--concurrency", str(PROCESSES))
        self._main = self._worker.enter_context(worker).pid

    def _run(self, role: str, *words: str) -> workers.Running:
        return workers.celery(role, *words, directory=self._home, environ=self._variables)


def kill_child(main: int, *, wanted: int) -> None:
    """Kill a random child of a process that has as many as it should."""
    while len(before := _shared.children(main)) < wanted:
        time.sleep(0.005)
    os.kill(random.choice(before), signal.SIGKILL)
    while not set(_shared.children(main)) - set(before):
        time.sleep(0.005)
