"""The program as `make run` starts it: in a directory of its own, with the settings given."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.servers import server
from tests.support.answers import OverNetwork
from tests.support.api import Api

START_SECONDS = 120
STOP_SECONDS = 40
ADMIN = {"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "a long password of an admin"}


@dataclass(frozen=True, slots=True)
class Started:
    """A program that was started: its main process and where its output goes."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path
    client: Api

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> str:
        """Everything it has printed so far."""
        return self.output.read_text()

    def exit_code(self) -> int:
        """Wait for its end."""
        return self.process.wait(timeout=STOP_SECONDS)


def link(home: Path) -> None:
    """Make a directory look like the project's, without an instance of its own."""
    home.mkdir(exist_ok=True)
    for name in ("wsgi.py", "gunicorn.conf.py", "migrations", "src"):
        if not (home / name).exists():
            (home / name).symlink_to(server.ROOT / name)


def start(home: Path, **variables: str) -> Started:
    """Start the program and return at once."""
    link(home)
    port = int(variables.get("PORT") or server.free_port())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "src",
        "PORT": str(port),
        "BCRYPT_ROUNDS": "4",
        "QUEUE_TIMEOUT_SECONDS": "60",  # how long an overloaded machine takes is not tested
        **variables,
    }
    output = home / "output"
    with output.open("ab") as opened:
        process = subprocess.Popen(
            [sys.executable, "-m", "gatehouse.cli.start"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
        )
    return Started(port, process, output, Api(OverNetwork(f"http://127.0.0.1:{port}")))


@contextmanager
def serving(home: Path, **variables: str) -> Iterator[Started]:
    """Start the program, wait for its first answer, and stop it when the block ends."""
    started = start(home, **variables)
    try:
        wait(started)
        yield started
    finally:
        stop(started)


def wait(started: Started) -> None:
    """Wait for the first answer; a program that ends instead shows what it said."""
    limit = time.monotonic() + START_SECONDS
    while started.process.poll() is None and time.monotonic() < limit:
        try:
            started.client.request("GET", "/health").expect(200)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(started.printed[-3000:])


def stop(started: Started) -> None:
    """Stop the program as an operator does."""
    if isinstance(started.client.transport, OverNetwork):
        started.client.transport.close()
    started.process.terminate()
    try:
        started.exit_code()
    except subprocess.TimeoutExpired:
        started.process.kill()
        started.process.wait()
        raise
