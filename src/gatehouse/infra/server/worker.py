"""gunicorn's threaded worker in this house's manners: its refusals, and its gentle stop."""

import select
import signal
import socket
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

from gatehouse.core.ids import new_id_text
from gatehouse.infra import metrics, overload
from gatehouse.infra.server import responses
from gatehouse.infra.server.connections import RoomyWorker
from gatehouse.infra.server.dispatch import peek
from gatehouse.infra.server.door import SEEN_BYTES, Door
from gatehouse.settings import Settings

# Asks nothing of anybody and tells that this process lives: answered however late it is.
_ALWAYS = "/health"


class Worker(RoomyWorker):
    """gunicorn's threaded worker in this house's manners."""

    def init_signals(self) -> None:
        """Leave Ctrl-C to the main process, so that requests in flight finish there too."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        wsgi.Response = responses.Response

    def load_wsgi(self) -> None:
        """Take over the application, and for how long its requests may wait."""
        super().load_wsgi()
        settings: Settings = self.wsgi.config["SETTINGS"]
        self.queue_timeout_seconds = settings.queue_timeout_seconds
        self.door = Door(self.wsgi)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a request to the threads, unless it is refused at the door."""
        if self._refuse_at_door(conn):
            self._hang_up(conn)
        else:
            super().enqueue_req(conn)

    def _serve(self, conn: Any) -> None:
        """Serve a request, in a thread, unless it is refused by now."""
        if self._refuse_at_door(conn):
            self.method_queue.defer(self._hang_up, conn)
        else:
            super()._serve(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Serve a request; one that waited too long is refused at once.

        When everything behind us is slow, all threads wait and the queue grows. Serving what is
        old would make everybody late, for ever.
        """
        if conn.waited_seconds <= self.queue_timeout_seconds or req.path == _ALWAYS:
            # A connection that went over to WebSocket takes no other request.
            return bool(super().handle_request(req, conn)) and not _is_handed_over(conn)
        metrics.of(self.wsgi).count(overload.SHED)
        problem = responses.problem(503, "overloaded", "Service Unavailable", new_id_text())
        util.write_nonblock(conn.sock, problem)
        return False

    def _refuse_at_door(self, conn: Any) -> bool:
        """Answer what is refused before it is read; return whether that was so.

        Whatever goes wrong with that: the request is let in.
        """
        try:
            refusal = None if self.cfg.is_ssl else self.door.refusal()
            said = refusal and peek(conn, SEEN_BYTES)
            answer = refusal and said and self.door.answer(said, refusal)
        except Exception:
            self.log.exception("door_failed")
            return False
        if not said or not answer:
            return False
        with suppress(OSError):  # it has gone
            conn.sock.recv(len(said))  # what is left unread would reset the connection
            conn.sock.send(answer, socket.MSG_DONTWAIT)
        return True

    def _hang_up(self, conn: Any) -> None:
        """Close a connection at once: nothing of it is left to be read, and a crowd waits."""
        self.nr_conns -= 1
        conn.close()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Open or close the door; a stopping worker lets in who waits there, then removes it.

        gunicorn only looks away, so that the kernel goes on taking connections for a worker that
        lingers, and resets them at its end. Where nobody listens, a client (a proxy) is refused
        at once, and may go elsewhere even with a POST.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            for _ in range(self.cfg.backlog):
                if not select.select([listener], [], [], 0)[0]:
                    break
                self.accept(listener)
            listener.close()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Take a connection back, or forget it if it is no longer ours."""
        if _is_handed_over(conn):
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what never reached the application, or what broke outside of it."""
        status, code, title = responses.refusal(exc)
        request_id = new_id_text()
        if status == 500:
            self.log.error("request_broken request_id=%s", request_id, exc_info=exc)
        else:
            # The class alone: its text holds what a stranger sent.
            self.log.info("request_refused status=%d reason=%s", status, type(exc).__name__)
        try:
            util.write_nonblock(client, responses.problem(status, code, title, request_id))
        except OSError:
            self.log.debug("the client did not wait for its answer")


def _is_handed_over(conn: Any) -> bool:
    """Tell whether the application has taken the connection away (`infra.sockets`)."""
    return bool(conn.sock.fileno() < 0)
