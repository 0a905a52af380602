"""F15: while the queue of hashes is full, log-ins are refused before they are read."""

import inspect
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from gatehouse.auth import routes
from gatehouse.core.errors import Unavailable
from gatehouse.infra import hashing
from gatehouse.infra.hashing import HashQueueFull
from gatehouse.infra.server.door import SEEN_BYTES, Door
from gatehouse.infra.server.worker import Worker
from tests.infra.test_server import children, connect, raw, rest
from tests.support.api import Api
from tests.support.databases import Sqlite
from tests.support.live import Live, Servers
from tests.support.scraped import ON, Scrape, scrape

LOG_IN = "/api/v1/auth/login"
BODY = json.dumps({"username": "nobody@example.com", "password": "a wrong Password"}).encode()
FULL = HashQueueFull(retry_after_seconds=3)


def request(
    *fields: bytes, line: str = f"POST {LOG_IN} HTTP/1.1", body: bytes = BODY, length: bytes = b""
) -> bytes:
    """Return a log-in as it comes over the wire."""
    usual = [b"Host: 127.0.0.1", b"Content-Type: application/json"]
    size = length or b"Content-Length: %d" % len(body)
    return b"\r\n".join([line.encode(), *usual, *fields, size, b"", body])


def read(answer: bytes) -> tuple[str, dict[str, str], dict[str, object]]:
    """Return the first line of an answer, its fields, and its document."""
    head, _, body = answer.decode().partition("\r\n\r\n")
    line, *fields = head.split("\r\n")
    return line, dict(field.split(": ", 1) for field in fields), json.loads(body)


@contextmanager
def full(app: Flask) -> Iterator[None]:
    """Keep the one place of an application's queue taken."""
    pool, gate = app.extensions[hashing.EXTENSION].pool, threading.Event()
    thread = threading.Thread(target=pool.run, args=(gate.wait,))
    thread.start()
    try:
        while not pool.pending:
            time.sleep(0.001)
        yield
    finally:
        gate.set()
        thread.join()


@pytest.mark.settings(THREADS="2", **ON)
def test_the_door_says_and_counts_what_the_application_does(app: Flask, client: Api) -> None:
    door = Door(app)
    assert door.refusal() is None
    with full(app):
        told = client.try_log_in("nobody@example.com").expect(503, "hash_queue_full")
        by_application = scrape(client)
        refusal = door.refusal()
        assert refusal is not None
        answer = door.answer(request(b"X-Request-ID: chosen-by-a-client"), refusal)
        by_door = scrape(client)
    assert answer is not None
    line, fields, document = read(answer)
    assert line == "HTTP/1.1 503 Service Unavailable"
    assert document == {**told.json, "instance": "chosen-by-a-client"}
    shared = ("Content-Type", "Retry-After", "Cache-Control", "X-Content-Type-Options")
    assert {name: fields[name] for name in shared} == {name: told.headers[name] for name in shared}
    assert fields["X-Request-ID"] == "chosen-by-a-client"
    assert fields["Connection"] == "close"

    def counted(found: Scrape) -> tuple[float, float]:
        labels = {"method": "POST", "endpoint": LOG_IN, "status": "503"}
        refused = found.total("gatehouse_hash_refused_total")
        return refused, found.total("api_requests_total", **labels)

    assert (counted(by_application), counted(by_door)) == ((1, 1), (2, 2))


@pytest.mark.parametrize("given", [b"", b"short", b"with spaces in it", b"x" * 65, b"\xff" * 9])
def test_r93_an_id_that_is_not_harmless_is_replaced(app: Flask, given: bytes) -> None:
    answer = Door(app).answer(request(b"X-Request-ID: " + given), FULL)
    assert answer is not None
    _, fields, document = read(answer)
    assert fields["X-Request-ID"] == document["instance"]
    assert given == b"" or given.decode("latin-1") not in answer.decode()


LET_IN = {
    "from a page, which CORS has to let see it": request(b"Origin: https://example.com"),
    "the same, written otherwise": request(b"oRIGIN :https://example.com"),
    "compressed": request(b"Content-Encoding: gzip"),
    "chunked": request(b"Transfer-Encoding: chunked"),
    "who waits for 100": request(b"Expect: 100-continue"),
    "who wants another protocol": request(b"Upgrade: h2c"),
    "a body that is still on its way": request()[:-1],
    "a head that is still on its way": request().partition(b"\r\n\r\n")[0],
    "a head that is still on its way, with a length that nothing has": request(
        length=b"Content-Length: 0"
    ).partition(b"\r\n\r\n")[0]
    + b"\r\n",
    "with another request behind it": request() + request(),
    "R96: two lengths": request(b"Content-Length: 5"),
    "R96: a length that is none": request(length=b"Content-Length: +%d" % len(BODY)),
    "R96: a blank before the colon": request(length=b"Content-Length : %d" % len(BODY)),
    "without a length": request(length=b"A: b"),
    "HTTP/1.0": request(line=f"POST {LOG_IN} HTTP/1.0"),
    "another method": request(line=f"GET {LOG_IN} HTTP/1.1"),
    "another path": request(line="POST /api/v1/users HTTP/1.1"),
    "a path with a query": request(line=f"POST {LOG_IN}?a=b HTTP/1.1"),
    "a bare line feed": request(b"A: b\nX-Request-ID: chosen"),
    "a bare carriage return": request(b"A: b\rc"),
    "NUL": request(b"A: b\0c"),
    "no HTTP": b"GARBAGE\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("said", LET_IN.values(), ids=LET_IN.keys())
def test_whoever_is_not_plainly_refused_is_let_in(app: Flask, said: bytes) -> None:
    door = Door(app)
    assert door.answer(request(), FULL) is not None
    assert door.answer(said, FULL) is None


@pytest.mark.parametrize("name", [b"X-Request-ID", b"Content-Length", b"Origin", b"A"])
@pytest.mark.parametrize("filling", [b" ", b"\t", b"\r", b"\n", b"\r\n", b"0", b"\r\norigin "])
def test_no_request_keeps_the_door_busy(app: Flask, name: bytes, filling: bytes) -> None:
    """A pattern that tries every way to divide blanks would take a minute for these."""
    door, space = Door(app), SEEN_BYTES - len(request())
    value = filling * (space // len(filling))
    began = time.monotonic()
    for end in (b"", b"\n", b"\r", b"x"):
        door.answer(request(name + b":" + value + end), FULL)
    assert time.monotonic() - began < 0.5


def test_the_door_stands_before_log_in_alone(app: Flask) -> None:
    """A mark under another guard would pass that guard by: this one is the outermost."""
    assert set(Door(app)._watched) == {b"POST /api/v1/auth/login HTTP/1.1"}
    source = inspect.getsource(routes)
    assert source.count('@blueprint.post("/login")\n@hashing.room_first\n') == 1
    assert source.count("room_first") == 1


def test_a_door_that_fails_lets_in(app: Flask) -> None:
    class Broken(Door):
        def refusal(self) -> Unavailable | None:
            raise OSError("no room for a metric")

    worker = Worker.__new__(Worker)
    worker.cfg, worker.log = SimpleNamespace(is_ssl=False), logging.getLogger("test")
    worker.door = Broken(app)
    assert not worker._refuse_at_door(None)


def test_where_gunicorn_speaks_tls_there_is_no_door(app: Flask) -> None:
    """Before the handshake nobody knows what a connection is."""

    class Closed(Door):
        def refusal(self) -> Unavailable | None:
            return FULL

    worker = Worker.__new__(Worker)
    worker.door = Closed(app)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(request())
        conn = SimpleNamespace(sock=ours, initialized=False)
        for is_ssl in (True, False):
            worker.cfg = SimpleNamespace(is_ssl=is_ssl)
            assert worker._refuse_at_door(conn) is not is_ssl
        assert is_from_the_door(theirs.recv(65536))


class Occupied:
    """A server of one worker that is at a log-in, for seconds, and has room for no other."""

    def __init__(self, servers: Servers, stack: ExitStack, **variables: str) -> None:
        slow = {"BCRYPT_ROUNDS": "16", "HASH_THREADS": "1", "THREADS": "2", **ON, **variables}
        self.server: Live = servers.start(Sqlite.name, stack, **slow)
        self.first = stack.enter_context(connect(self.server))

    def begin(self) -> None:
        """Let the log-in come, and wait until others are refused."""
        self.first.sendall(request(b"Connection: close"))
        limit = time.monotonic() + 20
        while not scrape(self.server.client).total("gatehouse_hash_queue"):
            assert time.monotonic() < limit

    def ends_well(self) -> None:
        """See that the log-in has been served as always."""
        assert rest(self.first).startswith(b"HTTP/1.1 401 ")


def is_from_the_door(answer: bytes) -> bool:
    """Tell the door's answers from those of the application, which name the moment."""
    line, fields, document = read(answer)
    assert line.startswith("HTTP/1.1 503 ")
    assert document["code"] == "hash_queue_full"
    assert int(fields["Retry-After"]) >= 1
    return "Date" not in fields


def test_f15_a_full_queue_is_told_at_the_door(servers: Servers) -> None:
    with ExitStack() as stack:
        occupied = Occupied(servers, stack)
        server, mark = occupied.server, occupied.server.log.stat().st_size
        kept = stack.enter_context(connect(server))
        kept.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        occupied.begin()
        slow = stack.enter_context(connect(server))
        slow.sendall(request(line="POST /api/v1/users HTTP/1.1", body=b"{}")[:-1])
        time.sleep(0.3)  # now no thread is free

        assert is_from_the_door(raw(server, request(b"X-Request-ID: a-newcomer")))
        kept.sendall(request())
        assert is_from_the_door(rest(kept))
        finish(slow)
        # These have to be read: by the application, which refuses them as well.
        for more in (b"Origin: https://example.com", b"X-Padding: " + b"x" * SEEN_BYTES):
            assert not is_from_the_door(raw(server, request(more, b"Connection: close")))
        other = request(b"Connection: close", line="POST /api/v1/no-such HTTP/1.1")
        assert raw(server, other).startswith(b"HTTP/1.1 404 ")
        assert in_two_parts(server, request(b"Connection: close")).startswith(b"HTTP/1.1 503 ")
        occupied.ends_well()

        assert raw(server, request(b"Connection: close")).startswith(b"HTTP/1.1 401 ")
        lines = [json.loads(line) for line in server.logged(mark).splitlines()]
        (noted,) = [line for line in lines if line.get("request_id") == "a-newcomer"]
        assert (noted["event"], noted["route"], noted["status"]) == (
            *("request_finished", LOG_IN, 503),
        )


def in_two_parts(server: Live, whole: bytes) -> bytes:
    """Send a request whose last byte comes later."""
    with connect(server) as connection:
        connection.sendall(whole[:-1])
        time.sleep(0.1)
        connection.sendall(whole[-1:])
        return rest(connection)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells of another's threads")
def test_f15_who_has_waited_for_a_thread_is_told_before_it_is_read(servers: Servers) -> None:
    """What was let in while there was room is refused when its turn comes and there is none."""
    with ExitStack() as stack:
        occupied = Occupied(servers, stack)
        server = occupied.server
        slow = [stack.enter_context(connect(server)) for _ in range(2)]
        for one in slow:
            one.sendall(request(body=b"{}")[:-1])
        (worker,) = children(server.process.pid)
        tasks = Path(f"/proc/{worker}/task")
        time.sleep(0.5)  # both threads wait for the rest
        before = len(list(tasks.iterdir()))
        occupied.first.sendall(request(b"Connection: close"))
        time.sleep(0.2)
        second = stack.enter_context(connect(server))
        second.sendall(request())
        time.sleep(0.2)
        finish(slow[0])
        limit = time.monotonic() + 20
        while len(list(tasks.iterdir())) == before:  # the thread of the first hash
            assert time.monotonic() < limit
        finish(slow[1])
        assert is_from_the_door(rest(second))
        occupied.ends_well()


def finish(connection: socket.socket) -> None:
    """Send the last byte of `{}`, which is no log-in."""
    connection.sendall(b"}")
    assert connection.recv(65536).startswith(b"HTTP/1.1 422 ")
