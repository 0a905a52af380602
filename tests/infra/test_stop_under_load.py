"""A stop while people work: the proxy sees it first, and nothing that was promised is lost."""

import signal
import socket
import threading
import time
from contextlib import ExitStack

import pytest
import urllib3
from urllib3.util import parse_url

from tests.support import people
from tests.support.answers import InProcess
from tests.support.api import PASSWORD, Api, new_email
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers

CLIENTS = 4
PAUSE_SECONDS = 0.02
LAG_SECONDS = 0.4


class Load:
    """Clients behind a proxy, which sends them elsewhere once it has seen 503 at `/ready`."""

    def __init__(self, client: Api) -> None:
        self.kept: dict[str, str] = {}
        self.failures: list[str] = []
        self.turned_away_at = 0.0
        self._client = client
        self._is_open = True
        self._threads = [threading.Thread(target=self._sign_up) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._watch))
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every client has its last answer."""
        for thread in self._threads:
            thread.join(timeout=30)

    def _sign_up(self) -> None:
        client = self._client.at()
        while self._is_open:
            email = new_email()
            try:
                body = {"email": email, "password": PASSWORD}
                self.kept[client.post("/users", body).expect(201).json["id"]] = email
                client.request("GET", "/health").expect(200)
            except (AssertionError, urllib3.exceptions.HTTPError) as error:
                self.failures.append(repr(error))
            time.sleep(PAUSE_SECONDS)

    def _watch(self) -> None:
        try:
            while self._client.request("GET", "/ready").status == 200:
                time.sleep(0.1)
        except urllib3.exceptions.HTTPError as error:
            self.failures.append(f"the stop came before the notice: {error!r}")
        self.turned_away_at = time.monotonic()
        # A proxy asks every now and then: requests still come for a while.
        time.sleep(LAG_SECONDS)
        self._is_open = False


@pytest.fixture
def shared(request: pytest.FixtureRequest, kind: str) -> dict[str, str]:
    """The settings of two workers, which need a Redis in common."""
    more = {"LIMITS": "sign_up=100000/minute", "SHUTDOWN_DELAY_SECONDS": "1"}
    if kind == PostgreSql.name:
        more["REDIS_URL"] = request.getfixturevalue("redis_url")
    return more


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_stop_under_load_loses_nothing(
    servers: Servers, kind: str, shared: dict[str, str]
) -> None:
    """R116: readiness falls first, every request is answered, exit code 0, all is still there."""
    with ExitStack() as stack:
        server = servers.start(kind, stack, **shared)
        load = Load(server.client)
        time.sleep(1)
        stopped_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        load.join()
        assert server.process.wait(timeout=20) == 0

        assert load.failures == []
        assert load.turned_away_at - stopped_at < 1
        assert len(load.kept) > CLIENTS

        # The same service over the same database, in this process.
        client = Api(InProcess(server.app)).at()
        admin = client.log_in(*people.make_super_admin(server.app))
        for user_id, email in load.kept.items():
            assert admin.get(f"/users/{user_id}").expect(200).json["email"] == email


def ask(server: Live) -> socket.socket:
    """Connect anew and leave a whole request there."""
    url = parse_url(server.url)
    connection = socket.create_connection((url.host or "", url.port or 0), timeout=20)
    try:
        connection.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
    except OSError:
        connection.close()
        raise
    return connection


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whoever_is_let_in_during_a_stop_is_answered(
    servers: Servers, kind: str, shared: dict[str, str]
) -> None:
    """R116: a proxy that has not heard of the stop is refused, which it may repeat elsewhere."""
    with ExitStack() as stack:
        server = servers.start(kind, stack, **shared | {"SHUTDOWN_DELAY_SECONDS": "0"})
        # Connections that idle are kept for a while, so the worker does not end at once.
        idle = [stack.enter_context(ask(server)) for _ in range(8)]
        assert all(connection.recv(65536) for connection in idle)
        server.process.send_signal(signal.SIGTERM)

        refused, answers = 0, []
        while server.process.poll() is None:
            try:
                with ask(server) as connection:
                    answers.append(connection.recv(65536)[:12])
            except ConnectionRefusedError:
                refused += 1
            time.sleep(0.002)

        assert refused
        assert set(answers) <= {b"HTTP/1.1 422"}
        assert server.process.wait(timeout=20) == 0
