"""F11: the disk of SQLite, mail and log is full: writes 507, reads go on, nothing is damaged."""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.support import started
from tests.support.started import ADMIN
from trials import _load, _shared

DISK_BYTES = 8 * _shared.MIB
# Many writes, because the pages that the files already have serve for some hundreds.
MIX = {"change": 45, "read": 30, "sign-up": 15, "log-in": 5, "health": 5}
RECOVERED_SECONDS = 5.0
INSIDE = "GATEHOUSE_TRIAL_HAS_MOUNTS"


def go_inside() -> None:
    """Go on where mounting needs no right and ends with the process (Linux name spaces)."""
    if not os.environ.get(INSIDE):
        words = [
            "unshare",
            "--map-root-user",
            "--mount",
            sys.executable,
            str(Path(__file__).parent),
        ]
        os.execvpe(
            words[0], [*words, Path(__file__).stem, *sys.argv[1:]], {**os.environ, INSIDE: "1"}
        )


@contextmanager
def disk() -> Iterator[Path]:
    """Give an empty disk of 8 MB."""
    with tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place]
        subprocess.run(mount, check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def full(place: Path) -> Iterator[None]:
    """Leave no room on a disk, for the block."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    yield
    ballast.unlink()


def damage(database: Path) -> list[str]:
    """Return what SQLite finds wrong with its file."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
        rows += connection.execute("PRAGMA foreign_key_check").fetchall()
    return [str(row) for row in rows if row != ("ok",)]


def main() -> int:
    """Fill the disk and make room again, as often as said."""
    go_inside()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="without room, each time")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    arguments = parser.parse_args()
    report = _shared.Report(
        f"disk_full: {arguments.rounds} times {arguments.seconds:g} s without room for database,"
        f" mail and log, {arguments.rate:g} requests a second"
    )
    meanwhile, recovered = [], []
    with ExitStack() as stack:
        place = stack.enter_context(disk())
        own = {"LOG_LEVEL": "INFO", "TMPDIR": str(place)}
        program = stack.enter_context(started.serving(place, **ADMIN, **_load.SETTINGS | own))
        workers = _shared.children(program.process.pid)
        with _load.running(program.url, clients=20, rate=arguments.rate, mix=MIX) as load:
            for _ in range(arguments.rounds):
                time.sleep(3)
                began = time.monotonic()
                with full(place):
                    began = time.monotonic()
                    time.sleep(arguments.seconds)
                    meanwhile += load.between(began)
                recovered.append(_load.wait_for(load, time.monotonic()))
            time.sleep(3)
        _load.promise(report, load, program)
        died = set(workers) - set(_shared.children(program.process.pid))
        found = damage(place / "instance" / "gatehouse.db")
    report.figure("answers while it was full", _load.counts(meanwhile))
    reads = [asked for asked in meanwhile if asked.kind in ("read", "health")]
    writes = [asked for asked in meanwhile if asked.kind in _load.WRITES]
    good = sum(asked.is_good for asked in reads)
    report.every("reads while it was full: 200", good, len(reads))
    refused = sum(asked.is_refused for asked in writes)
    # What fits into pages that the files have already may still be written.
    kept = sum(asked.is_good for asked in writes)
    report.figure("writes that found room", kept)
    report.every("other writes: 503 or 507", refused, len(writes) - kept)
    what = "seconds from room to a read and a change (at most)"
    report.at_most(what, max(recovered), RECOVERED_SECONDS)
    report.promise("damage to the database", len(found), "0", is_kept=not found)
    report.promise("workers that died", len(died), "0", is_kept=not died)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
