"""gunicorn in front of the application: its own refusals, and a stop that loses nothing."""

import os
import resource
import signal
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from urllib3.util import parse_url

from tests.support.databases import Sqlite
from tests.support.live import Live, Servers


@pytest.fixture(scope="module")
def running(servers: Servers) -> Live:
    return servers.get(Sqlite.name)


def connect(server: Live) -> socket.socket:
    """Return a connection on which bytes go as they are."""
    url = parse_url(server.url)
    return socket.create_connection((url.host or "", url.port or 0), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """Return everything until the server closes."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def raw(server: Live, request: bytes) -> bytes:
    """Send bytes and return what comes back until the server closes."""
    with connect(server) as connection:
        connection.sendall(request)
        return rest(connection)


def children(main: int) -> list[int]:
    """Return the workers of a main process."""
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
CROOKED = {
    "no HTTP at all": b"GARBAGE\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "R96: length and chunks": HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "R96: crooked coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "R96: two codings": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "R96: two lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + SMUGGLED,
    "R96: signed length": HEAD + b"Content-Length: +4\r\n\r\nabcd" + SMUGGLED,
    "a blank in a name": b"GET /health HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n",
    "a folded field": b"GET /health HTTP/1.1\r\nHost: x\r\na: b\r\n c\r\n\r\n",
    "NUL in a value": b"GET /health HTTP/1.1\r\nHost: x\r\nAuthorization: a\x00b\r\n\r\n",
    "R96: a malformed chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("request_bytes", CROOKED.values(), ids=CROOKED.keys())
def test_a_crooked_request_is_one_problem_and_the_end_of_the_connection(
    running: Live, request_bytes: bytes
) -> None:
    """R96, R104, R105: 400 as a problem document, nothing after it is served."""
    answer = raw(running, request_bytes)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/problem+json" in head
    assert b"\r\nConnection: close" in head
    assert b'"status":400' in body
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 100 + b"\r\n", 431),
    ],
    ids=["line", "field", "fields"],
)
def test_what_is_too_large_is_a_problem_of_its_status(
    running: Live, request_bytes: bytes, status: int
) -> None:
    """R105: 414 and 431 come from the server and look as all others."""
    head, _, body = raw(running, request_bytes).partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"X-Request-ID: " in head
    assert f'"status":{status}'.encode() in body


def test_f2_f3_who_waited_too_long_for_a_thread_is_told_at_once(servers: Servers) -> None:
    """503 with Retry-After and nothing done, while /health is answered however late it is."""
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, THREADS="2", QUEUE_TIMEOUT_SECONDS="1")
        slow = [stack.enter_context(connect(server)) for _ in range(2)]
        for one in slow:
            one.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{")
        time.sleep(0.3)
        late, health = (stack.enter_context(connect(server)) for _ in range(2))
        late.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        health.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(1.5)
        for one in slow:
            one.sendall(b"}")

        assert rest(slow[0]).startswith(b"HTTP/1.1 422 ")
        head, _, body = rest(late).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1" in head
        assert b'"code":"overloaded"' in body
        assert rest(health).startswith(b"HTTP/1.1 200 ")
        assert server.client.request("GET", "/ready").status == 200


def test_f16_who_is_silent_or_has_hung_up_holds_no_thread(servers: Servers) -> None:
    """A newcomer who says nothing waits outside, is heard once it speaks, and delays no stop."""
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, THREADS="2", QUEUE_TIMEOUT_SECONDS="1")
        silent = [stack.enter_context(connect(server)) for _ in range(8)]
        for _ in range(50):
            with connect(server) as gone:
                gone.sendall(SMUGGLED)
                assert gone.recv(65536).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        assert raw(server, SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert time.monotonic() - began < 2

        for late in silent[:4]:
            late.sendall(SMUGGLED)
            assert late.recv(65536).startswith(b"HTTP/1.1 200 ")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0


def test_f16_who_was_told_good_bye_and_does_not_go_holds_nobody_up(servers: Servers) -> None:
    """Left to gunicorn, nobody would be served for two seconds for each of them."""
    last = SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack)
        staying = [stack.enter_context(connect(server)) for _ in range(5)]
        began = time.monotonic()
        for one in staying:
            one.sendall(last)
            assert rest(one).startswith(b"HTTP/1.1 200 ")
        for _ in range(5):
            assert raw(server, last).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - began < 2

        time.sleep(4)
        for one in staying:
            one.sendall(b"?")  # learns that nobody is there
            time.sleep(0.1)
            with pytest.raises(OSError, match=r"reset|pipe"):
                one.sendall(b"?")
        staying[0] = stack.enter_context(connect(server))
        staying[0].sendall(last)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0


def test_what_came_with_the_request_before_is_answered_though_the_client_sends_no_more(
    running: Live,
) -> None:
    with connect(running) as connection:
        connection.sendall(SMUGGLED * 3)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).count(b"HTTP/1.1 200 ") == 3


def test_F12_a_stop_hears_all_who_wait_at_the_door_though_some_have_gone(servers: Servers) -> None:
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack)
        (worker,) = children(server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        waiting = []
        for _ in range(5):
            waiting.append(stack.enter_context(connect(server)))
            waiting[-1].sendall(SMUGGLED)
            connect(server).close()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        os.kill(worker, signal.SIGCONT)
        for one in waiting:
            assert rest(one).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(timeout=20) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such a score")
def test_f20_memory_that_runs_out_costs_a_worker_not_the_main_process(running: Live) -> None:
    main = running.process.pid
    (worker,) = children(main)
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (main, worker)]
    assert scores[0] < scores[1]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits another process")
def test_f20_who_is_silent_makes_room_when_no_descriptor_is_left(servers: Servers) -> None:
    """A worker that could open no more files would end, and newcomers would wait for minutes."""
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, THREADS="4")
        main = server.process.pid
        (worker,) = children(main)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (128, 128))
        silent = []
        for _ in range(300):
            silent.append(stack.enter_context(connect(server)))
            silent[-1].sendall(SMUGGLED)
            assert silent[-1].recv(65536).startswith(b"HTTP/1.1 200 ")

        assert children(main) == [worker]
        rest(silent[0])  # comes to its end, because the first ones were hung up on
        person = server.client.sign_up()
        assert person.is_in()


def test_no_answer_names_the_server(running: Live) -> None:
    """R101: no product, no version."""
    assert "Server" not in running.client.request("GET", "/health").headers
    assert b"\r\nServer:" not in raw(running, b"GARBAGE\r\n\r\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_readiness_falls_first_and_requests_in_flight_finish(
    servers: Servers, number: signal.Signals
) -> None:
    """R116: /ready is 503 for the delay while /health stays 200, and the exit code is 0."""
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, SHUTDOWN_DELAY_SECONDS="2")
        slow = stack.enter_context(connect(server))
        slow.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{")
        time.sleep(0.3)

        server.process.send_signal(number)
        time.sleep(0.5)
        assert server.client.request("GET", "/ready").status == 503
        assert server.client.request("GET", "/health").status == 200

        # The delay ends while the first request is still being sent: it is answered all the same.
        time.sleep(2)
        slow.sendall(b"}")
        assert rest(slow).startswith(b"HTTP/1.1 422 ")
        assert server.process.wait(timeout=20) == 0


def test_a_second_signal_ends_the_delay(servers: Servers) -> None:
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, SHUTDOWN_DELAY_SECONDS="60")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
