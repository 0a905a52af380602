"""A real server: the program as `make run` starts it, in a directory and on a port of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import server

START_SECONDS = 30
ADMIN = {"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "a long password of an admin"}


@dataclass(frozen=True)
class Answer:
    """What came back: status, header fields in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Live:
    """A running server: where it is, its process, and what it has printed so far."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    output: Path
    home: Path

    def request(
        self, path: str, *, method: str | None = None, data: Any = None, token: str | None = None
    ) -> Answer:
        """Send a request and return its answer; `data` goes as JSON."""
        request = urllib.request.Request(self.url + path, method=method)
        if data is not None:
            request.data = json.dumps(data).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return _answer(response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the main process."""
        self.process.send_signal(number)


def start(home: Path, **variables: str) -> Live:
    """Start the program in `home`, with these settings and no others."""
    for name in ("wsgi.py", "gunicorn.conf.py", "migrations", "src"):
        if not (home / name).exists():
            (home / name).symlink_to(server.ROOT / name)
    port = int(variables.get("PORT") or server.free_port())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "src",
        "PORT": str(port),
        "BCRYPT_ROUNDS": "4",
        **variables,
    }
    output = home / "output"
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gatehouse.cli.start"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Live(f"http://127.0.0.1:{port}", port, process, output, home)


@contextmanager
def serving(home: Path, **variables: str) -> Iterator[Live]:
    """Start the program, wait for its first answer, and stop it when the block ends."""
    live = start(home, **variables)
    try:
        wait(live)
        yield live
    finally:
        stop(live)


def wait(live: Live, path: str = "/health") -> None:
    """Wait for the first answer; a program that ends instead shows what it said."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            if live.request(path).status == 200:
                return
        except OSError:
            if live.process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(live.output.read_text()[-3000:]) from None
        time.sleep(0.02)


def stop(live: Live) -> int:
    """Stop the server as an operator does, and return its exit code."""
    live.process.terminate()
    try:
        return live.process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(live.process.pid, signal.SIGKILL)
        live.process.wait()
        raise


def _answer(response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, response.read())
