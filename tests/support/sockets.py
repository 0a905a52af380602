"""A WebSocket client of somebody who has logged in, and sockets by the byte."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.api import Person

Frame = dict[str, Any]


def ticket(person: Person, client_id: str = "c1") -> str:
    """Return a ticket for a socket."""
    answer = person.post("/auth/ws-ticket", {"client_id": client_id}).expect(200)
    return str(answer.json["ticket"])


@contextmanager
def opened(
    url: str, spent: str, client_id: str = "c1", **options: Any
) -> Iterator[ClientConnection]:
    """Open a socket with a ticket; `url` is that of the service."""
    protocols = options.pop("subprotocols", ["gatehouse", f"ticket.{spent}"])
    place = f"{url.replace('http', 'ws', 1)}/ws/{client_id}"
    with connect(
        place, subprotocols=protocols, proxy=None, open_timeout=20, close_timeout=5, **options
    ) as socket:
        yield socket


@contextmanager
def open_as(person: Person, url: str, client_id: str = "c1", **options: Any) -> Iterator["Socket"]:
    """Open a socket of a person and hear its greeting."""
    with opened(url, ticket(person, client_id), client_id, **options) as connection:
        socket = Socket(connection)
        assert socket.hear("welcome") == {
            "type": "welcome",
            "client_id": client_id,
            "user_id": person.id,
        }
        yield socket


class Socket:
    """An open socket and what comes on it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, text: str) -> None:
        """Send words to everybody."""
        self.connection.send(json.dumps({"type": "broadcast", "text": text}))

    def next(self, timeout: float = 5) -> Frame:
        """Return the next message."""
        found: Frame = json.loads(self.connection.recv(timeout=timeout))
        return found

    def hear(self, kind: str, timeout: float = 5, **members: Any) -> Frame:
        """Return the next message of a type, with these members; others are passed over."""
        while True:
            found = self.next(timeout)
            if found["type"] == kind and members.items() <= found.items():
                return found

    def rest(self, timeout: float = 5) -> tuple[list[Frame], int, str]:
        """Return everything until the service closes the socket, the code and the reason."""
        heard: list[Frame] = []
        while True:
            try:
                heard.append(self.next(timeout))
            except ConnectionClosed as closed:
                if closed.rcvd is None:
                    raise AssertionError("it was dropped without a farewell") from closed
                return heard, closed.rcvd.code, closed.rcvd.reason

    def is_quiet(self, seconds: float = 0.3, *, but: Callable[[Frame], bool] | None = None) -> bool:
        """Tell whether nothing comes for a moment, or nothing `but` this."""
        try:
            while True:
                found = self.next(seconds)
                if but is None or not but(found):
                    return False
        except TimeoutError:
            return True
