"""`flask seed` of a million people on PostgreSQL: at most 90 s, and flat memory."""

import argparse
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.support import started
from trials import _shared

LONGEST_SECONDS = 90.0
MILLION = 1_000_000
# Memory that may come on top after a fifth of the way.
GROWTH = 16 * _shared.MIB


class Watch:
    """What a process held in memory, once in a while, from its start to its end."""

    def __init__(self, pid: int) -> None:
        self.sizes: list[int] = []
        self._pid = pid
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while True:
            try:
                self.sizes.append(_shared.resident(self._pid))
            except OSError:
                return
            time.sleep(0.1)


def trial(report: _shared.Report, people: int, url: str) -> None:
    """Seed an empty database and count what is in it."""
    with tempfile.TemporaryDirectory() as directory:
        home, settings = Path(directory), {"DATABASE_URL": url}
        started.link(home)
        upgrade = _shared.flask(home, "db", "upgrade", **settings)
        printed, _ = upgrade.communicate()
        if upgrade.returncode:
            raise RuntimeError(printed)
        began = time.monotonic()
        command = _shared.flask(home, "seed", "--users", str(people), **settings)
        watch = Watch(command.pid)
        printed, _ = command.communicate()
        seconds = time.monotonic() - began
    print(printed)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM users").fetchone()
        given = connection.execute("SELECT count(*) FROM user_roles").fetchone()
    early = max(watch.sizes[: max(1, len(watch.sizes) // 5)])
    growth = max(watch.sizes) - early
    is_whole = found == given == (people,) and command.returncode == 0
    report.promise("accounts with a role", found and found[0], f"{people:,}", is_kept=is_whole)
    report.figure("accounts a second", round(people / seconds))
    report.figure("most memory (RSS)", _shared.mib(max(watch.sizes)))
    figures = {
        "seconds, with the start of the command": f"{seconds:.1f}",
        "more memory than after a fifth": _shared.mib(growth),
    }
    if people < MILLION:
        for what, value in figures.items():
            report.figure(what, value)
        return
    wanted = (f"<= {LONGEST_SECONDS:.0f}", f"<= {_shared.mib(GROWTH)}")
    kept = (seconds <= LONGEST_SECONDS * people / MILLION, growth <= GROWTH)
    for (what, value), text, is_kept in zip(figures.items(), wanted, kept, strict=True):
        report.promise(what, value, text, is_kept=is_kept)


def main() -> int:
    """Run the trial on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=MILLION)
    people = parser.parse_args().users
    report = _shared.Report(f"seed: {people:,} people on PostgreSQL")
    with ExitStack() as stack:
        trial(report, people, _shared.postgresql(stack))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
