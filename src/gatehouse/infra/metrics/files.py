"""Files in which the processes of one server keep what they count, so that any can tell of all.

The main process makes a directory before it makes the application. Each worker has a slot in it,
a number that no other living worker has. Who takes the place of a dead one goes on counting in
its files, so counters never fall and there are never more files than there were workers at once.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from prometheus_client import multiprocess, values

from gatehouse.settings import Settings, SettingsError

PREFIX = "gatehouse-metrics-"
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory with a random name is made in it
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where the library looks
# Room is taken at once: a memory-mapped file that finds none later would kill its process.
ROOM_BYTES = {"counter": 2**18, "histogram": 2**19, "gauge_livesum": 2**16}

_directory: Path | None = None
_slot = "main"


def directory() -> Path | None:
    """Return where this server's processes count together, or None in a process by itself."""
    return _directory


def share(settings: Settings) -> None:
    """Let what this process and its forks count lie in a new directory; call it once, early.

    Raises SettingsError where METRICS_DIR has no room.
    """
    global _directory
    if _directory is not None:  # a reload reads the configuration again
        return
    parent = settings.metrics_dir or (MEMORY if os.access(MEMORY, os.W_OK) else gettempdir())
    parent = Path(parent)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        made = Path(mkdtemp(prefix=PREFIX, dir=parent))
        _lock(made)
        for slot in ("main", *range(settings.workers)):
            _make_room(made, slot)
    except OSError as error:
        raise SettingsError([f"METRICS_DIR: {parent}: {(error.strerror or '').lower()}"]) from None
    _directory = made
    os.environ[VARIABLE] = str(made)
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: _slot)


def before_fork(arbiter: Any, worker: Any) -> None:
    """Choose the worker's slot: the lowest that no living worker has."""
    taken = {other.metrics_slot for other in arbiter.WORKERS.values()}
    worker.metrics_slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
    if _directory is not None:
        with suppress(OSError):  # room is known to be there but for the surplus of a reload
            _directory.mkdir(mode=0o700, exist_ok=True)  # somebody may have tidied up
            _make_room(_directory, worker.metrics_slot)


def in_worker(_arbiter: Any, worker: Any) -> None:
    """Count in the worker's own files from now on."""
    global _slot
    _slot = str(worker.metrics_slot)


def watch(worker: Any, sample: Callable[[], None]) -> None:
    """Let the worker's heartbeat, which comes about once a second, read its gauges."""
    beat = worker.notify

    def notify() -> None:
        beat()
        sample()

    worker.notify = notify


def after_worker(_arbiter: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended; what it counted stays counted."""
    if _directory is not None:
        multiprocess.mark_process_dead(worker.metrics_slot, str(_directory))


def remove(_arbiter: Any) -> None:
    """Remove the directory, at the end of the main process."""
    if _directory is not None:
        shutil.rmtree(_directory, ignore_errors=True)


def _make_room(directory: Path, slot: int | str) -> None:
    for kind, size in ROOM_BYTES.items():
        path = directory / f"{kind}_{slot}.db"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "linux":
                os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)


def _lock(directory: Path) -> None:
    """Hold the directory for as long as this process or a fork of it lives."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(parent: Path) -> None:
    """Remove the directories of servers that were killed, and so removed nothing themselves."""
    for left in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # held, or somebody else's
            _lock_and_remove(left)


def _lock_and_remove(directory: Path) -> None:
    descriptor = os.open(directory / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory)
    finally:
        os.close(descriptor)
