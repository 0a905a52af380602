"""HTTP by the byte: requests that no client library would send, and the worker's memory."""

import json
import os
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3.util import parse_url
from werkzeug.datastructures import Headers

from tests.support.live import Live


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything that came back on one connection, and whether the server closed it."""

    received: bytes
    is_closed: bool

    @property
    def answers(self) -> int:
        """How many answers there were."""
        return self.received.count(b"HTTP/1.1 ")

    @property
    def status(self) -> int:
        """The status of the first one."""
        return int(self.received.split(None, 2)[1])

    @property
    def headers(self) -> Headers:
        """Its header fields."""
        head = self.received.partition(b"\r\n\r\n")[0].decode("latin-1")
        pairs = [line.partition(":") for line in head.split("\r\n")[1:]]
        return Headers([(name, value.strip()) for name, _, value in pairs])

    @property
    def content(self) -> bytes:
        """What came after the first head."""
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        """The content as data."""
        return json.loads(self.content)


def connect(live: Live) -> socket.socket:
    """Return a connection to the server."""
    parsed = parse_url(live.url)
    return socket.create_connection((parsed.host or "", parsed.port or 0), timeout=10)


def exchange(live: Live, *parts: bytes, patience: float = 0.05, end: bool = False) -> Exchange:
    """Send bytes as they are, read an answer, and what comes within `patience` seconds after it."""
    with connect(live) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before everything was sent
        return Exchange(*_read(connection, patience, has_body=not parts[0].startswith(b"HEAD")))


def _read(connection: socket.socket, patience: float, *, has_body: bool) -> tuple[bytes, bool]:
    received = b""
    while True:
        if _is_whole(received, has_body=has_body):
            connection.settimeout(patience)
        try:
            part = connection.recv(65_536)
        except TimeoutError:
            return received, False
        except ConnectionResetError:
            return received, True
        if not part:
            return received, True
        received += part


def _is_whole(received: bytes, *, has_body: bool) -> bool:
    """Tell whether the first answer has come to its end, as far as its length says."""
    head, separator, content = received.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
    length = int(found[1]) if found is not None and has_body else 0
    return bool(separator) and len(content) >= length


def request(
    method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """Return a request as bytes, whatever is in its parts."""
    fields = [("Host", "127.0.0.1"), *headers]
    if body:
        fields.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body


def memory(live: Live) -> dict[str, int]:
    """Return the resident memory of each worker by its process, in bytes."""
    children = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text()
    size = os.sysconf("SC_PAGE_SIZE")
    return {
        pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * size
        for pid in children.split()
    }


def new_lines(live: Live, offset: int, *, marker: str) -> list[str]:
    """Return what was logged since `offset`, as soon as a line with `marker` is there."""
    limit = time.monotonic() + 10
    while True:
        text = live.log.read_bytes()[offset:].decode()
        if marker in text and text.endswith("\n"):
            # Only LF ends a line of the log: what a stranger sends must not look like one.
            return text.removesuffix("\n").split("\n")
        assert time.monotonic() < limit, text[-2_000:]
        time.sleep(0.05)
