"""How many sockets a process has room for, that they hold no thread, and what its stop does."""

import base64
import json
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from functools import partial
from uuid import UUID

import pytest
from flask import Flask
from websockets.exceptions import InvalidStatus

from gatehouse.infra import push, sockets
from gatehouse.infra.push import Audience
from tests.support import people, wire
from tests.support.answers import OverNetwork
from tests.support.api import Api, Person
from tests.support.databases import PostgreSql, Sqlite, application
from tests.support.environment import settings
from tests.support.live import Servers
from tests.support.sockets import Socket, open_as, opened, ticket


def test_r109_sockets_hold_no_thread_have_a_bound_and_are_sent_elsewhere(
    servers: Servers,
) -> None:
    """More of them than threads, and requests are answered; one too many is 503; a stop is 1012."""
    with ExitStack() as stack:
        live = servers.start(Sqlite.name, stack, SOCKETS_MAX="6", THREADS="2")
        person = live.client.sign_up()
        here: list[Socket] = [
            stack.enter_context(open_as(person, live.url, f"c{n}")) for n in range(6)
        ]
        for _ in range(5):
            person.get("/users/me").expect(200)
        with pytest.raises(InvalidStatus) as error, opened(live.url, ticket(person)):
            pass
        answer = error.value.response
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert json.loads(answer.body or b"")["code"] == "sockets_full"

        # A place is free again with its socket, and one that was refused has taken none.
        here.pop().connection.close()
        here.append(_opened_soon(stack, person, live.url))

        live.process.send_signal(signal.SIGTERM)
        for one in here:
            heard, code, reason = one.rest(timeout=15)
            assert (code, reason) == (1012, "service_restart")
            assert [message["type"] for message in heard] == ["retry"]
            assert 0.5 <= heard[0]["after_seconds"] <= 5
        assert live.process.wait(timeout=20) == 0
        assert "Traceback" not in live.logged()


def test_r109_a_slow_reader_is_dropped_and_nobody_waits_for_it(
    servers: Servers, redis_url: str
) -> None:
    live = servers.get(PostgreSql.name, REDIS_URL=redis_url)
    person = live.client.sign_up()
    slow = wire.connect(live)
    with slow, open_as(person, live.url, "fast") as fast:
        key = base64.b64encode(os.urandom(16)).decode()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        fields |= {"Sec-WebSocket-Key": key}
        fields |= {"Sec-WebSocket-Protocol": f"gatehouse, ticket.{ticket(person, 'slow')}"}
        slow.sendall(wire.request("GET", "/ws/slow", fields.items()))
        assert slow.recv(12) == b"HTTP/1.1 101"

        found = settings(
            live.directory, live.app.config["SETTINGS"].database_url, REDIS_URL=redis_url
        )
        with application(found) as app:
            for number in range(100):
                message = {"type": "test", "number": number, "text": "x" * 60_000}
                to = Audience(user_id=UUID(person.id))
                people.in_context(app, partial(push.publish, message, to=to))
                assert fast.hear("test")["number"] == number
        with suppress(ConnectionResetError):
            while slow.recv(65_536):  # it would time out if it were still open
                pass


def test_a_server_that_cannot_hand_a_connection_over_says_so(app: Flask, client: Api) -> None:
    """As one that speaks TLS itself, or none: this request comes over no connection at all."""
    assert not isinstance(client.transport, OverNetwork)
    person = client.sign_up()
    fields = {
        "Connection": "keep-alive, Upgrade",
        "Upgrade": "WebSocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": f"gatehouse, ticket.{ticket(person)}",
    }
    for _ in range(2):
        client.request("GET", "/ws/c1", headers=fields).expect(503, "sockets_unsupported")
    assert sockets.of(app).taken == 0


def _opened_soon(stack: ExitStack, person: Person, url: str) -> Socket:
    """Open a socket where another has just gone: its place is kept until the service sees that."""
    limit = time.monotonic() + 5
    while True:
        try:
            return stack.enter_context(open_as(person, url, "again"))
        except InvalidStatus as error:
            if error.response.status_code != 503 or time.monotonic() > limit:
                raise
        time.sleep(0.02)
