"""A stop while people work: the proxy sees it first, and nothing that was promised is lost."""

import signal
import threading
import time
from contextlib import ExitStack

import pytest
import urllib3

from tests.support import live
from tests.support.api import PASSWORD, Api, new_email
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers

CLIENTS = 4
PAUSE_SECONDS = 0.02


class Load:
    """Clients behind a proxy, which sends them elsewhere as soon as `/ready` says 503."""

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
                self.failures.append(f"{time.monotonic() - self.turned_away_at:.2f} {error!r}")
            time.sleep(PAUSE_SECONDS)

    def _watch(self) -> None:
        while self._is_open:
            time.sleep(0.1)
            try:
                self._is_open = self._client.request("GET", "/ready").status == 200
            except urllib3.exceptions.HTTPError as error:
                self._is_open = False
                self.failures.append(f"the stop came before the notice: {error!r}")
        self.turned_away_at = time.monotonic()


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
        server: Live = servers.start(kind, stack, **shared)
        load = Load(server.client)
        time.sleep(1)
        stopped_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        load.join()
        assert server.process.wait(timeout=20) == 0

        assert load.failures == []
        assert load.turned_away_at - stopped_at < 1
        assert len(load.kept) > CLIENTS

        url = server.app.config["SETTINGS"].database_url
        successor = live.start(server.directory, url, stack, **shared)
        admin = successor.admin()
        for user_id, email in load.kept.items():
            assert admin.get(f"/users/{user_id}").expect(200).json["email"] == email
