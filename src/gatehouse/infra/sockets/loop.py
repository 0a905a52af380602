"""The one thread that serves all WebSockets of a process: it reads, sends, asks and closes.

No socket has a thread of its own, and none holds one that answers requests. What may take long
(a database, Redis) is no business of this thread: its handler leaves that to another one.
"""

import random
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Protocol
from uuid import UUID

import orjson

from gatehouse.infra import metrics
from gatehouse.infra.logs import logger
from gatehouse.infra.push import Audience, Message
from gatehouse.infra.sockets.connection import BROKEN, Connection, Member, frame

TURN_SECONDS = 1.0
# For a farewell that asks clients to come back: not all at the same moment.
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 5.0
RESTART, LATER = 1012, 1013

MESSAGES = metrics.Counter(
    "gatehouse_socket_messages_total", "Messages on sockets, by direction.", ("direction",)
)
DROPPED = metrics.Counter(
    "gatehouse_sockets_dropped_total", "Sockets dropped, by reason.", ("reason",)
)


class Handler(Protocol):
    """What becomes of sockets; called in the thread of the loop, so it must not wait."""

    def opened(self, connection: Connection) -> None:
        """Greet a new socket."""

    def said(self, connection: Connection, text: str) -> None:
        """Take a message of a client."""

    def closed(self, connection: Connection) -> None:
        """Take leave of a socket that has gone."""

    def stop(self) -> None:
        """End what the handler has begun; called in the thread that stops the loop."""


class Loop(threading.Thread):
    """Serves sockets until it is told to stop; no error of one of them ends it.

    `left` is called once for each socket that is taken out.
    """

    def __init__(self, *, measures: metrics.NullMetrics, left: Callable[[], None]) -> None:
        super().__init__(name="sockets", daemon=True)
        self.handler: Handler | None = None
        self._measures = measures
        self._left = left
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._commands: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._stops_at: float | None = None

    # From any thread:

    def adopt(self, sock: socket.socket, member: Member) -> None:
        """Serve a socket from now on."""
        self._do(lambda: self._add(sock, member))

    def send(self, message: Message) -> None:
        """Send a message to those of its audience who are here."""
        self._do(lambda: self._send(message.to, frame(message.text)))

    def tell(self, connection: Connection, text: str) -> None:
        """Send a message to one socket."""
        self._do(lambda: self._send_to(connection, frame(text)))

    def end(self, session_ids: Collection[UUID], code: int, reason: str) -> None:
        """Close the sockets of some sessions."""
        self._do(lambda: self._end(frozenset(session_ids), code, reason))

    def end_all(self, code: int, reason: str) -> None:
        """Close every socket, and ask each to come back after a time of its own."""
        self._do(lambda: self._end_all(code, reason))

    def sessions(self) -> set[UUID]:
        """Return the sessions whose sockets are open here."""
        with self._lock:
            return {one.member.session_id for one in self._connections.values() if one.is_open}

    def has(self, audience: Audience) -> bool:
        """Tell whether anybody of an audience is here."""
        with self._lock:
            return any(_hears(one.member, audience) for one in self._connections.values())

    def stop(self, *, seconds: float = 3.0) -> None:
        """Ask every client to come back elsewhere, and end the thread."""
        self._do(lambda: self._begin_to_stop(seconds))
        self.join(seconds + TURN_SECONDS)

    # In its own thread:

    def run(self) -> None:
        """Serve."""
        looked_at = monotonic()
        while self._stops_at is None or (self._connections and monotonic() < self._stops_at):
            for key, mask in self._selector.select(TURN_SECONDS):
                if key.data is None:
                    self._obey()
                else:
                    self._guarded(key.data, partial(self._serve, key.data, mask))
            if monotonic() - looked_at >= TURN_SECONDS:
                looked_at = monotonic()
                for one in list(self._connections.values()):
                    self._guarded(one, partial(one.look, now=monotonic()))
        for one in list(self._connections.values()):
            one.drop("")
            self._settle(one)
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def _do(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        with suppress(OSError):  # full: it is awake anyway; closed: there is nobody to wake
            self._waker.send(b"\0")

    def _obey(self) -> None:
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._commands:
            try:
                self._commands.popleft()()
            except Exception as error:
                logger.error("socket_command_failed", exc_info=error)

    def _add(self, sock: socket.socket, member: Member) -> None:
        one = Connection(sock, member, now=monotonic())
        if self._stops_at is not None:
            sock.close()
            self._left()
            return
        self._selector.register(sock, selectors.EVENT_READ, one)
        with self._lock:
            self._connections[sock.fileno()] = one
        self._guarded(one, partial(self._handler.opened, one))

    def _serve(self, one: Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            one.flush()
        if mask & selectors.EVENT_READ and not one.is_over:
            for text in one.receive(now=monotonic()):
                self._measures.count(MESSAGES, "received")
                self._handler.said(one, text)

    def _send(self, to: Audience, data: bytes) -> None:
        for one in list(self._connections.values()):
            if _hears(one.member, to):
                self._send_to(one, data)

    def _send_to(self, one: Connection, data: bytes) -> None:
        if one.is_open:
            self._measures.count(MESSAGES, "sent")
            self._guarded(one, partial(one.send, data))

    def _end(self, session_ids: frozenset[UUID], code: int, reason: str) -> None:
        for one in list(self._connections.values()):
            if one.member.session_id in session_ids:
                self._guarded(one, partial(one.close, code, reason, now=monotonic()))

    def _end_all(self, code: int, reason: str) -> None:
        for one in list(self._connections.values()):
            after = random.uniform(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)  # noqa: S311
            hint = orjson.dumps({"type": "retry", "after_seconds": round(after, 3)}).decode()
            self._send_to(one, frame(hint))
            self._guarded(one, partial(one.close, code, reason, now=monotonic()))

    def _begin_to_stop(self, seconds: float) -> None:
        self._stops_at = monotonic() + seconds
        self._end_all(RESTART, "service_restart")

    def _guarded(self, one: Connection, act: Callable[[], None]) -> None:
        """Do something with a socket; whatever is wrong with it ends this one only."""
        try:
            act()
        except Exception as error:
            logger.error("socket_broken", exc_info=error)
            with suppress(Exception):
                one.close(BROKEN, "internal_error", now=monotonic())
            one.drop("broken")
        self._settle(one)

    def _settle(self, one: Connection) -> None:
        """Look for what the socket wants next, or take it out."""
        if self._connections.get(one.sock.fileno()) is not one:
            return
        if not one.is_over:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if one.wants_to_send else 0)
            if self._selector.get_key(one.sock).events != wanted:
                self._selector.modify(one.sock, wanted, one)
            return
        self._selector.unregister(one.sock)
        with self._lock:
            del self._connections[one.sock.fileno()]
        one.sock.close()
        self._left()
        if one.lost:
            self._measures.count(DROPPED, one.lost)
        try:
            self._handler.closed(one)
        except Exception as error:
            logger.error("socket_broken", exc_info=error)

    @property
    def _handler(self) -> Handler:
        assert self.handler is not None
        return self.handler


def _hears(member: Member, to: Audience) -> bool:
    if to.user_id is not None:
        return member.user_id == to.user_id
    return to.session_id is None or member.session_id == to.session_id
