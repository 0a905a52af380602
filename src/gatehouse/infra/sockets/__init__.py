"""WebSockets: how many a process may have, how a request hands its connection over, and the stop.

A socket is opened by an ordinary request, whose answer is 101. Once that has left, the connection
is taken out of the server's hands and given to the loop; the thread of the request goes on with
other requests.
"""

import resource
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from werkzeug.wsgi import ClosingIterator

from gatehouse.core.errors import Unavailable
from gatehouse.infra import metrics
from gatehouse.infra.logs import logger
from gatehouse.infra.sockets.connection import Connection, Member, accept_token, frame
from gatehouse.infra.sockets.loop import DROPPED, LATER, MESSAGES, Handler, Loop
from gatehouse.settings import Settings

__all__ = [
    "LATER",
    "Connection",
    "Loop",
    "Member",
    "SocketsFull",
    "SocketsUnsupported",
    "SwitchingProtocols",
    "accept_token",
    "connection_of",
    "frame",
    "init_app",
    "of",
    "stop",
]

EXTENSION = "gatehouse.sockets"
OPEN = metrics.Gauge("gatehouse_sockets", "WebSockets that are open.")
# Where a server leaves the connection of a request: gunicorn, and Flask's own for development.
_PLACES = ("gunicorn.socket", "werkzeug.socket")

Make = Callable[[Flask, Loop], Handler]


class SocketsFull(Unavailable):
    """The process has as many WebSockets as `SOCKETS_MAX`, or as its descriptors, allow."""

    code = "sockets_full"
    title = "There is no room for another WebSocket now"
    remedy = "Wait for `Retry-After`, then try again."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=5)


class SocketsUnsupported(Unavailable):
    """The server cannot hand a connection over: it speaks TLS itself, or is no real server."""

    code = "sockets_unsupported"
    title = "This server cannot open WebSockets"
    remedy = "Tell the operator: let a proxy speak TLS, and gunicorn serve behind it."


class SwitchingProtocols(Response):
    """The answer 101, which gives its connection away once it has left."""

    default_mimetype = None

    def get_app_iter(self, _environ: Any) -> Any:
        """Return no content, but something that the server closes."""
        return ClosingIterator((), self.close)


class Sockets:
    """The sockets of one application in one process; the thread begins with the first of them."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._most = settings.sockets_max
        self._lock = threading.Lock()
        self._taken = 0
        self._loop: Loop | None = None
        self._is_stopped = False

    @property
    def taken(self) -> int:
        """How many there are, those included that are just being opened."""
        return self._taken

    def reserve(self) -> None:
        """Take a place for a socket; raises SocketsFull. Whoever does not use it releases it."""
        with self._lock:
            if self._is_stopped or self._taken >= self._most:
                raise SocketsFull
            self._taken += 1

    def release(self) -> None:
        """Give a place back."""
        with self._lock:
            self._taken -= 1

    def adopt(self, sock: socket.socket, member: Member, *, make: Make) -> None:
        """Serve a connection on the place that was reserved for it."""
        with self._lock:
            if self._loop is None and not self._is_stopped:
                self._loop = self._begin(make)
            loop = None if self._is_stopped else self._loop
        if loop is None:
            sock.close()
            self.release()
        else:
            loop.adopt(sock, member)

    def stop(self) -> None:
        """Ask every client to come back elsewhere, and end what was begun here."""
        with self._lock:
            self._is_stopped = True
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()
            if loop.handler is not None:
                loop.handler.stop()

    def _begin(self, make: Make) -> Loop:
        self._most = _room(self._most)
        loop = Loop(measures=metrics.of(self._app), left=self.release)
        loop.handler = make(self._app, loop)
        loop.start()
        return loop


def init_app(app: Flask, settings: Settings) -> None:
    """Let `app` have WebSockets; starts no thread."""
    app.extensions[EXTENSION] = sockets = Sockets(app, settings)
    measures = metrics.of(app)
    measures.declare((MESSAGES, DROPPED))
    measures.watch((OPEN,), lambda: [metrics.Reading(OPEN, sockets.taken)])


def of(app: Flask) -> Sockets:
    """Return the sockets of an application."""
    sockets: Sockets = app.extensions[EXTENSION]
    return sockets


def stop(app: Flask) -> None:
    """End the sockets of this process, if there are any."""
    of(app).stop()


def connection_of(environ: dict[str, Any]) -> Callable[[], socket.socket]:
    """Return what takes a request's connection away from the server; raises SocketsUnsupported.

    The server finds its own object closed, and the connection is as it was.
    """
    sock = next((environ[place] for place in _PLACES if place in environ), None)
    # Of a TLS connection the server alone knows the keys.
    if type(sock) is not socket.socket:
        raise SocketsUnsupported
    return lambda: socket.socket(fileno=sock.detach())


def _room(wanted: int) -> int:
    """Return how many sockets the process may have: half of its descriptors at most.

    It may usually raise its own limit, and does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2 * wanted + 4096
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or wanted <= soft // 2:
        return wanted
    logger.warning("sockets_max_lowered", wanted=wanted, most=soft // 2, descriptors=soft)
    return int(soft // 2)
