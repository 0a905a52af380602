"""Real servers for tests that need processes: gunicorn as the project configures it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from flask import Flask

from tests.servers import server
from tests.support import people
from tests.support.answers import OverNetwork
from tests.support.api import Api, Person
from tests.support.databases import Database, PostgreSql, Sqlite, application
from tests.support.environment import environ, settings
from tests.support.mailbox import Mailbox

# Wide enough that the hash queue, which takes half of a process's threads, refuses no test.
WIDTH = {PostgreSql.name: {"WORKERS": "2", "THREADS": "40"}, Sqlite.name: {"THREADS": "128"}}
# Races are judged by their outcome. How long an overloaded machine takes is not theirs to say.
PATIENT = {
    "QUEUE_TIMEOUT_SECONDS": "60",
    "DB_POOL_TIMEOUT_SECONDS": "10",
    "DB_LOCK_TIMEOUT_SECONDS": "10",
    "DB_STATEMENT_TIMEOUT_SECONDS": "20",
}
START_SECONDS = 60
# Becomes the Python that the rest of the command line asks for. When the tests are killed, the
# system ends it as well (PR_SET_PDEATHSIG, where there is such a thing).
ENDING_WITH_US = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@dataclass(frozen=True, slots=True)
class Live:
    """A running server, its main process, its directory and its log."""

    url: str
    process: subprocess.Popen[bytes]
    directory: Path
    log: Path
    transport: OverNetwork
    app: Flask

    @property
    def client(self) -> Api:
        """A client at an address from which nothing has come yet."""
        return Api(self.transport).at()

    def admin(self) -> Person:
        """Return a new super_admin who has just logged in."""
        email, password = people.make_super_admin(self.app)
        return self.client.log_in(email, password)

    def mailbox(self) -> Mailbox:
        """Return the mail, which the server sends by itself a moment later."""
        return Mailbox(self.directory, patience_seconds=10)

    def logged(self, since: int = 0) -> str:
        """Return the log from a position of it."""
        return self.log.read_bytes()[since:].decode()


class Servers:
    """One server a kind of database, started when it is first wanted."""

    def __init__(
        self,
        stack: ExitStack,
        templates: Callable[[str], Database],
        directories: pytest.TempPathFactory,
    ) -> None:
        self._stack = stack
        self._templates = templates
        self._directories = directories
        self._running: dict[str, Live] = {}

    def get(self, kind: str, **variables: str) -> Live:
        """Return the shared server of a kind."""
        if kind not in self._running:
            self._running[kind] = self.start(kind, self._stack, **variables)
        return self._running[kind]

    def start(self, kind: str, stack: ExitStack, **variables: str) -> Live:
        """Start another server with a database of its own; it stops with the stack."""
        directory = self._directories.mktemp(f"live-{kind}")
        url = stack.enter_context(self._templates(kind).copy(directory))
        return start(directory, url, stack, **{**WIDTH[kind], **variables})


def start(directory: Path, database_url: str, stack: ExitStack, **variables: str) -> Live:
    """Start gunicorn over a migrated database and wait for its first answer."""
    port = int(variables.get("PORT", server.free_port()))
    found = environ(
        directory,
        database_url,
        PORT=str(port),
        PUBLIC_URL=f"http://127.0.0.1:{port}",
        TRUSTED_PROXIES="127.0.0.0/8",
        LOG_LEVEL="INFO",
        **PATIENT,
    )
    found |= variables
    log = directory / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", ENDING_WITH_US, "-m", "gunicorn"),
                *("-c", str(server.ROOT / "gunicorn.conf.py")),
                *("--pythonpath", str(server.ROOT)),
            ],
            cwd=directory,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(server.ROOT / "src"), **found},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    stack.callback(stop, process)
    url = f"http://127.0.0.1:{port}"
    transport = OverNetwork(url)
    stack.callback(transport.close)
    # The same service in this process, for what only the command line can do.
    app = stack.enter_context(application(settings(directory, database_url)))
    live = Live(url, process, directory, log, transport, app)
    wait(live)
    return live


def wait(live: Live, path: str = "/ready") -> None:
    """Wait for a 200; a server that ends instead shows what it said."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            if live.transport.send("GET", path, {}, None, "127.0.0.1").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        if live.process.poll() is not None or time.monotonic() > limit:
            raise AssertionError(live.log.read_text()[-3000:])
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server as an operator does."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
