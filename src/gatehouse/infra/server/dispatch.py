"""How gunicorn's requests come to the threads here: few at a time, and back without a detour."""

import selectors
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from functools import partial
from itertools import chain
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from gatehouse.infra.threads import Threads


class DispatchingWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with our threads (`infra.threads`)."""

    def get_thread_pool(self) -> Threads:
        """Return the threads that serve requests."""
        # Threads put connections back while the main thread hangs up on idle ones.
        self._keeping = threading.Lock()
        return Threads(self.cfg.threads, self._serve)

    def murder_keepalived(self, force: bool = False) -> None:
        """Hang up on connections that have been idle for too long."""
        with self._keeping:
            super().murder_keepalived(force=force)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take what comes, and give it to the threads; for a while, if nothing else is to do.

        gunicorn looks around after each turn: whether the main process lives, who is silent.
        Once a second is enough, unless there may be no room for newcomers.
        """
        limit = time.monotonic() + timeout
        while True:
            left = max(0.0, limit - time.monotonic())
            super().wait_for_and_dispatch_events(self.tpool.look_again_in(left))
            self.tpool.hand_over()
            if not left or not self.alive or self.nr_conns >= self.worker_connections:
                return

    def enqueue_req(self, conn: Any) -> None:
        """Let a request wait for a thread, and note since when.

        Who has been served on this connection before does not wait behind a crowd of newcomers.
        A newcomer who has said nothing yet needs no thread (gunicorn gives it one for 5 seconds),
        nor does who has hung up.
        """
        said = _said(conn)
        if said is None and not conn.initialized:
            self._await_first_byte(conn)
            return
        if said == b"":
            self.nr_conns -= 1
            conn.close()
            return
        conn.data_ready = True
        conn.queued_at = time.monotonic()
        self.tpool.add(conn, is_newcomer=not conn.initialized)

    def _serve(self, conn: Any) -> None:
        """Serve a request, in a thread; a kept connection goes back to the poller from here.

        gunicorn lets the main thread do that, which is woken once more for each request.
        """
        conn.waited_seconds = time.monotonic() - conn.queued_at
        result, broken = False, None
        try:
            result = self.handle(conn)
        except BaseException as error:
            broken = error
        if result is True and not conn.parser.unreader.buf.getvalue():
            self._keep(conn)
            return
        done: Future[Any] = Future()
        if broken is None:
            done.set_result(result)
        else:
            done.set_exception(broken)
        self.method_queue.defer(self.finish_request, conn, done)

    def _await_first_byte(self, conn: Any) -> None:
        """Let the poller tell when a newcomer speaks."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        conn.sock.setblocking(False)
        wake = partial(self.on_pending_socket_readable, conn)
        try:
            self.poller.register(conn.sock, selectors.EVENT_READ, wake)
        except OSError:  # the system watches no more of them
            self.nr_conns -= 1
            conn.close()
            return
        self.pending_conns.append(conn)

    def _keep(self, conn: Any) -> None:
        """Wait for the next request of a connection."""
        conn.set_timeout()
        wake = partial(self.on_client_socket_readable, conn)
        with self._keeping:
            self.keepalived_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, wake)
        if not self.alive:  # the stop may not have seen this one
            limit = time.monotonic() + STOP_KEEPALIVE_LINGER
            self.method_queue.defer(self._cap_keepalive, limit)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Tell whether the connection can be reused; a request without a body left nothing."""
        body = conn.parser.mesg.body
        if getattr(body.reader, "length", None) == 0 and not body.failed:
            return keepalive
        return bool(super()._keepalive_after(conn, keepalive))

    def _cap_keepalive(self, deadline: float) -> None:
        """Close connections without a request by a moment at the latest; threads may add some."""
        for conn in chain(list(self.keepalived_conns), self.pending_conns):
            conn.timeout = min(conn.timeout, deadline)


def _said(conn: Any) -> bytes | None:
    """Return the first byte that waits to be read, b"" at the end, None where there is nothing."""
    if conn.initialized and (before := conn.parser.unreader.buf.getvalue()):
        return bytes(before[:1])  # came with the request before
    if isinstance(conn.sock, ssl.SSLSocket):
        return b"?"  # nobody knows before it is decrypted
    try:
        return conn.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # type: ignore[no-any-return]
    except BlockingIOError:
        return None
    except OSError:  # it broke
        return b""
