"""Real Celery workers and beats, as an operator starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.servers.server import ROOT
from tests.support.live import ENDING_WITH_US

Running = AbstractContextManager[subprocess.Popen[bytes]]

START_SECONDS = 60
# What the log of a worker says once it takes work.
READY = " ready."
# Celery warns on standard error that tests in a container run as root.
_ENVIRON = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT / "src"),
    "PYTHONWARNINGS": "ignore",
}


@contextmanager
def celery(
    role: str, *words: str, directory: Path, environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `celery -A gatehouse.worker ROLE WORDS…`; its log is `ROLE.log` in the directory."""
    log = directory / f"{role}.log"
    seen = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", ENDING_WITH_US),
                *("-m", "celery", "--quiet", "-A", "gatehouse.worker", role, *words),
            ],
            cwd=directory,
            env={**_ENVIRON, **environ, "LOG_LEVEL": "INFO"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        if role == "worker":
            _wait(process, lambda: READY in log.read_bytes()[seen:].decode(), log)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], *, seconds: float = 20) -> None:
    """Stop a process as an operator does; one that will not go is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > limit:
            raise AssertionError(log.read_text()[-3000:])
        time.sleep(0.05)
