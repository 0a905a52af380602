"""Starting a service, asking what it holds, and ending it for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.client import Connection, Request
from bench.services import Service
from tests.servers import server
from trials import _shared

START_SECONDS = 60
STOP_SECONDS = 40


class NotServing(Exception):
    """A service did not start; the text is the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers, and how long it took to its first answer."""

    service: Service
    port: int
    pid: int
    start_seconds: float

    def connection(self) -> Connection:
        """Return a new client of it."""
        return Connection(self.port, host=self.service.host)

    def memory(self) -> tuple[float, float]:
        """Return what a worker holds in MiB, on average: resident, and its fair share."""
        found = [_shared.memory(pid) for pid in _shared.children(self.pid)]
        resident, share = (
            sum(column) / len(found) / _shared.MIB for column in zip(*found, strict=True)
        )
        return resident, share

    def processor_seconds(self) -> float:
        """Return how long all its processes have been computing."""
        return sum(map(_shared.processor_seconds, (self.pid, *_shared.children(self.pid))))

    def resident(self) -> float:
        """Return what all workers hold together in MiB, at a cost that they do not feel."""
        return sum(map(_shared.resident, _shared.children(self.pid))) / _shared.MIB


@contextmanager
def serving(service: Service, *, logs: Path) -> Iterator[Running]:
    """Start a service on a free port, wait for its first answer, and stop it in the end."""
    port = server.free_port()
    output = logs / f"{service.name}.log"
    with output.open("ab") as opened:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(part).format(port=port) for part in service.command],
            cwd=service.home,
            env={"PATH": os.environ["PATH"], "PORT": str(port), **service.environment},
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the benchmark, which then stops it
            preexec_fn=server.die_with_parent if sys.platform == "linux" else None,
        )
    try:
        with Connection(port, host=service.host, timeout=5) as connection:
            _wait(connection, process, output)
        yield Running(service, port, process.pid, time.monotonic() - began)
    finally:
        _stop(process)


def _wait(connection: Connection, process: subprocess.Popen[bytes], output: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        with suppress(OSError, EOFError):
            if connection.send(Request("GET", "/health")).status == 200:
                return
        connection.close()
        time.sleep(0.005)
    raise NotServing(f"{output}: {output.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
