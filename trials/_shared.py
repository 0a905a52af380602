"""What trials share: servers of their own, processes to look at, and a table that ends them."""

import os
import platform
import resource
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import redis as redis_client
from psycopg import sql

from tests import servers

MIB = 1024 * 1024


class Report:
    """Figures, and promises that were kept or not; `end` prints them and gives the exit code."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: list[tuple[str, str, str, str]] = []
        self._is_kept = True

    def figure(self, what: str, value: object) -> None:
        """Add what was measured and nobody promised."""
        self._rows.append((what, _text(value), "", ""))

    def promise(self, what: str, value: object, wanted: str, *, is_kept: bool) -> None:
        """Add what was measured beside what is promised."""
        self._is_kept &= is_kept
        self._rows.append((what, _text(value), wanted, "PASS" if is_kept else "FAIL"))

    def at_most(self, what: str, seconds: float, limit: float) -> None:
        """Promise that something takes so many seconds at most."""
        self.promise(what, f"{seconds:.2f}", f"<= {limit:g}", is_kept=seconds <= limit)

    def every(self, what: str, kept: int, total: int) -> None:
        """Promise something about each one of several."""
        self.promise(what, f"{kept:,} of {total:,}", "all", is_kept=kept == total > 0)

    def end(self) -> int:
        """Print the table and the verdict; return 0 if every promise was kept, else 1."""
        widths = [max(len(row[column]) for row in self._rows) for column in range(3)]
        cores, load = os.cpu_count(), os.getloadavg()[0]
        print(f"\n{self._title}")
        print(f"Python {platform.python_version()}, {cores} cores, load {load:.1f}\n")
        for row in self._rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            print(f"  {'  '.join(cells)}  {row[3]}".rstrip())
        print(f"\n{'PASS' if self._is_kept else 'FAIL'}")
        return 0 if self._is_kept else 1


def postgresql(stack: ExitStack) -> str:
    """Return the address of an empty PostgreSQL database that goes with the stack."""
    admin = servers.find("PostgreSQL", stack).url
    name = f"gatehouse_trial_{uuid4().hex[:8]}"
    _execute(admin, "CREATE DATABASE {}", name)
    stack.callback(_execute, admin, "DROP DATABASE {} WITH (FORCE)", name)
    return f"{admin.rpartition('/')[0]}/{name}"


def redis(stack: ExitStack) -> str:
    """Return the address of a Redis."""
    return servers.find("Redis", stack).url


def empty(url: str) -> None:
    """Forget everything that a database of Redis holds."""
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()


def flask(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command of the service in a directory where it has been started before."""
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *arguments],
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def people(home: Path, count: int, **variables: str) -> None:
    """Fill the database of a service with people."""
    command = flask(home, "seed", "--users", str(count), **variables)
    printed, _ = command.communicate()
    if command.returncode:
        raise RuntimeError(printed)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def end(pid: int) -> None:
    """Kill a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def memory(pid: int) -> tuple[int, int]:
    """Return what a process holds in bytes: resident, and its fair share of it (RSS, PSS)."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = int(value.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def resident(pid: int) -> int:
    """Return what a process holds in bytes, at a cost that it does not feel."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def processor_seconds(pid: int) -> float:
    """Return how long a process has been computing, the programs that it was before included."""
    return processor(pid)[1]


def processor(pid: int) -> tuple[str, float]:
    """Return the state of a process, one letter (proc(5)), and how long it has been computing."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mib(size: float) -> str:
    """Return a size as people read it."""
    return f"{size / MIB:.1f} MiB"


def _execute(url: str, statement: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _text(value: object) -> str:
    return f"{value:,}" if type(value) is int else str(value)
