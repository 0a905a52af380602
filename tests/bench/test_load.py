"""The load looks at every answer, and times what it should."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import load
from bench.client import Request
from bench.processes import Running
from bench.services import Api, Service

PEOPLE = [(f"{name}@example.com", f"token-{name}") for name in ("ada", "bo", "cy")]


class Answers(BaseHTTPRequestHandler):
    """Says to everybody that they are who the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer `/STATUS/NAME`, after a while where the path says so."""
        _, status, name, *slow = self.path.split("/")
        time.sleep(float(slow[0]) if slow else 0)
        body = f'{{"email":"{name}@example.com"}}'.encode()
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Return a service that answers what its path says."""
    with _serving() as port:
        service = Service("sample", "Sample", [], {}, tmp_path, Api(), people=PEOPLE)
        yield Running(service, port, os.getpid(), 0.0)


@contextmanager
def _serving() -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients may leave as they like."""

    with Server(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.full
@pytest.mark.parametrize(
    ("path", "size", "is_wrong", "is_failed"),
    [
        ("/200/bo", 0, False, False),
        ("/200/somebody-else", 0, True, False),
        ("/200/bo", 26, False, False),
        ("/200/bo", 27, True, False),
        ("/500/bo", 0, False, True),
    ],
)
def test_a_wrong_answer_is_seen(
    running: Running, path: str, size: int, is_wrong: bool, is_failed: bool
) -> None:
    if not shutil.which("wrk"):
        said = "wrk is not installed; Debian and Ubuntu: apt install wrk"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)

    result = load.closed_loop(running, path, PEOPLE, seconds=1, size=size)

    assert result.requests > 0
    assert result.wrong == (result.requests if is_wrong else 0)
    assert result.failed == (result.requests if is_failed else 0)


def test_waiting_behind_others_counts(running: Running) -> None:
    """32 connections are busy for 0.5 s each: what was due meanwhile is late, and counted so."""
    request = Request("GET", "/200/bo/0.5")

    result = load.open_loop(running, lambda _: request, per_second=320, seconds=0.3)

    assert result.requests == 96
    assert result.p50 is not None
    assert result.p99 is not None
    assert result.p50 > 750  # half of them wait for a connection for half a second or more
    assert result.p99 > 1200


def test_what_is_refused_is_counted_and_shown(running: Running) -> None:
    request = Request("GET", "/503/bo")

    result = load.loop(running, lambda _: request, expected=200, seconds=0.1)

    assert result.failed == result.requests > 0
    assert result.example.startswith("503 ")
