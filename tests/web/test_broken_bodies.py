"""Bodies with broken framing, under the server that reads them (R85, R96, R104)."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORKER = "gatehouse.infra.server.Worker"
OPTIONS = ("-k", WORKER, "--threads", "8", "--no-control-socket", "--log-level", "warning")
HEAD = b"POST /api/v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NAME = b'{"name": "a"}'
WHOLE = b"d\r\n" + NAME + b"\r\n"

# What the application reads and cannot.
BROKEN = {
    "chunk size is no number": CHUNKED + b"zz\r\n" + NAME + b"\r\n0\r\n\r\n",
    "chunk is longer than its size": CHUNKED + b"2\r\n" + NAME + b"\r\n0\r\n\r\n",
    "control character in a chunk extension": CHUNKED + b"d;\x01\r\n" + NAME + b"\r\n0\r\n\r\n",
    "bad trailer": CHUNKED + WHOLE + b"0\r\nbad trailer\r\n\r\n",
    "negative chunk size": CHUNKED + b"-d\r\n" + NAME + b"\r\n0\r\n\r\n",
    "chunks that end early": CHUNKED + WHOLE,
    "shorter than its length": HEAD + b"Content-Length: 50\r\n\r\n" + NAME,
}
# What the server refuses before there is a request.
CROOKED = {
    "length and chunks": HEAD
    + b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 13\r\nContent-Length: 3\r\n\r\n" + NAME,
    "signed length": HEAD + b"Content-Length: +13\r\n\r\n" + NAME,
    "crooked coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("served")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"fd://{listener.fileno()}"
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "tests.web.served:app", *OPTIONS, "--bind", bind],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
            | {"THINGS_DIRECTORY": str(directory)},
            pass_fds=[listener.fileno()],
        )
        yield listener.getsockname()[1]
        server.terminate()
        server.wait(10)


def _exchange(port: int, *parts: bytes, end: bool = False) -> tuple[int, Any, bool]:
    """Send bytes; return status, body and whether the server closed the connection."""
    received = b""
    is_closed = False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # refused before everything was sent
        if end:
            connection.shutdown(socket.SHUT_WR)
        while True:
            try:
                part = connection.recv(65_536)
            except TimeoutError:
                break
            except ConnectionResetError:
                part = b""
            if not part:
                is_closed = True
                break
            received += part
            head, _, body = received.partition(b"\r\n\r\n")
            if received.count(b"HTTP/1.1 ") == 1 and body.endswith(b"}"):
                connection.settimeout(1)
    assert received.count(b"HTTP/1.1 ") == 1, "one answer"
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body), is_closed


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
def test_r96_broken_bodies_are_400_and_end_the_connection(port: int, sent: bytes) -> None:
    ends_early = not sent.endswith(b"0\r\n\r\n") and b"trailer" not in sent
    status, problem, is_closed = _exchange(port, sent, end=ends_early)
    assert (status, problem["status"], problem["code"]) == (400, 400, "broken_body")
    assert is_closed


@pytest.mark.parametrize("sent", CROOKED.values(), ids=CROOKED.keys())
def test_r96_crooked_framing_is_refused(port: int, sent: bytes) -> None:
    status, problem, is_closed = _exchange(port, sent)
    assert status in (400, 501)
    assert problem["status"] == status
    assert is_closed


def test_chunks_are_read(port: int) -> None:
    status, body, is_closed = _exchange(port, CHUNKED + WHOLE + b"0\r\n\r\n")
    assert (status, body, is_closed) == (201, {"name": "a"}, False)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_r85_twenty_megabytes_are_413_early(port: int, is_chunked: bool) -> None:
    start = time.monotonic()
    block = b" " * 1_000_000
    if is_chunked:
        parts = [CHUNKED, *[b"%x\r\n" % len(block) + block + b"\r\n"] * 20, b"0\r\n\r\n"]
    else:
        parts = [HEAD + b"Content-Length: 20000000\r\n\r\n", *[block] * 20]
    status, problem, _ = _exchange(port, *parts)
    assert (status, problem["code"]) == (413, "body_too_large")
    assert time.monotonic() - start < 5
