"""How gunicorn's requests come to the threads here: few at a time, and back without a detour."""

import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from gatehouse.infra.threads import MOMENT_SECONDS, Threads

# A client that was told good-bye has so long to go by itself, and to say so much that nobody hears.
LEAVING_SECONDS = 2.0
LEAVING_BYTES = 65_536


class DispatchingWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with our threads (`infra.threads`)."""

    def get_thread_pool(self) -> Threads:
        """Return the threads that serve requests."""
        # Threads put connections back while the main thread hangs up on idle ones.
        self._keeping = threading.Lock()
        self.leaving_conns: deque[Any] = deque()
        # Who holds this may do what gunicorn does in its main thread: look at the poller, accept,
        # hang up, count connections. The main thread holds it, but while it stands back.
        self._looking = threading.Lock()
        self._looking.acquire()
        self._stands_back = False
        self._calls: SimpleQueue[None] = SimpleQueue()
        return Threads(self.cfg.threads, self._serve, look=self._look, awaken=self._awaken)

    def murder_keepalived(self, force: bool = False) -> None:
        """Hang up on connections that have been idle for too long."""
        with self._keeping:
            super().murder_keepalived(force=force)

    def murder_pending(self) -> None:
        """Hang up on newcomers who say nothing, and on who was told good-bye and does not go."""
        super().murder_pending()
        now = time.monotonic()
        while self.leaving_conns and self.leaving_conns[0].timeout <= now:
            self._let_go(self.leaving_conns[0])

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take what comes, and give it to the threads; for a while, if nothing else is to do.

        gunicorn looks around after each turn: whether the main process lives, who is silent.
        Once a second is enough, unless there may be no room for newcomers.
        """
        limit = time.monotonic() + timeout
        while True:
            self._stand_back(limit)
            left = max(0.0, limit - time.monotonic())
            super().wait_for_and_dispatch_events(self.tpool.look_again_in(left))
            self.tpool.hand_over()
            if not left or not self.alive or self.nr_conns >= self.worker_connections:
                return

    def _stand_back(self, limit: float) -> None:
        """Let a thread that is at work see for itself what is next.

        The main thread would wake up for each request, and take turns with that one. It is back
        when nobody is at work, nobody has looked for long, or no room is left for newcomers.
        """
        self.tpool.note_look()
        # Who finishes ceases to count and then reads this: one of the two sees the other.
        self._stands_back = True
        self._looking.release()
        try:
            while self._has_room():
                left = min(self.tpool.alone_seconds(), limit - time.monotonic())
                if left <= 0:
                    break
                # Who is at work may turn out to wait: see `infra.threads.Asking`.
                with suppress(Empty):
                    self._calls.get(timeout=min(left, MOMENT_SECONDS))
        finally:
            self._stands_back = False
            while not self._looking.acquire(timeout=MOMENT_SECONDS):
                self.tpool.hand_over()  # somebody has much to see
        self.tpool.hand_over()

    def _awaken(self) -> None:
        """Call the main thread back."""
        if self._stands_back:
            self._calls.put(None)

    def _look(self, seconds: float) -> None:
        """Take what comes within some seconds, in a thread, if the main one stands back.

        To make room for newcomers, and to stop, is for the main one.
        """
        if not self._has_room():
            self._awaken()
        elif self._looking.acquire(blocking=False):
            try:
                super().wait_for_and_dispatch_events(seconds)
            finally:
                self._looking.release()

    def _has_room(self) -> bool:
        return bool(self.alive and self._accepting and self.nr_conns < self.worker_connections)

    def enqueue_req(self, conn: Any) -> None:
        """Let a request wait for a thread, and note since when.

        Who has been served on this connection before does not wait behind a crowd of newcomers.
        A newcomer who has said nothing yet needs no thread (gunicorn gives it one for 5 seconds),
        nor does who has hung up.
        """
        said = peek(conn)
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
        """Serve a request, in a thread; its connection goes back to the poller from here.

        gunicorn lets the main thread do that, which is woken once more for each request.
        """
        conn.waited_seconds = time.monotonic() - conn.queued_at
        done: Future[Any] = Future()
        try:
            result = self.handle(conn)
            if result is True and not conn.parser.unreader.buf.getvalue():
                self._keep(conn)
                return
            if result is False and conn.sock.fileno() >= 0:
                self._say_goodbye(conn)
                return
            done.set_result(result)
        except BaseException as error:
            done.set_exception(error)
        self.method_queue.defer(self.finish_request, conn, done)

    def _await_first_byte(self, conn: Any) -> None:
        """Let the poller tell when a newcomer speaks."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        conn.sock.setblocking(False)
        try:
            self._watch(conn, self.pending_conns, self.on_pending_socket_readable)
        except OSError:
            self.nr_conns -= 1
            conn.close()

    def _keep(self, conn: Any) -> None:
        """Wait for the next request of a connection."""
        conn.set_timeout()
        self._watch(conn, self.keepalived_conns, self.on_client_socket_readable)
        if not self.alive:  # the stop may not have seen this one
            limit = time.monotonic() + STOP_KEEPALIVE_LINGER
            self.method_queue.defer(self._cap_keepalive, limit)

    def _say_goodbye(self, conn: Any) -> None:
        """End our side of a connection, and wait for its client to go (RFC 9112 section 9.6).

        gunicorn waits for that in its main thread, up to two seconds for each client.
        """
        with suppress(OSError):  # it has gone
            conn.sock.shutdown(socket.SHUT_WR)
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + LEAVING_SECONDS
        conn.unheard_bytes = 0
        self._watch(conn, self.leaving_conns, self._ignore)

    def _ignore(self, conn: Any, _: Any) -> None:
        """Read what nobody wants to know, and close where that was all, or is too much.

        To close before would reset the connection, and the client might lose our last answer.
        """
        try:
            said = conn.sock.recv(LEAVING_BYTES)
        except BlockingIOError:
            return
        except OSError:  # it broke
            said = b""
        conn.unheard_bytes += len(said)
        if not said or conn.unheard_bytes > LEAVING_BYTES:
            self._let_go(conn)

    def _let_go(self, conn: Any) -> None:
        """Close a connection that was leaving."""
        with self._keeping:
            self.leaving_conns.remove(conn)
            with suppress(OSError, KeyError, ValueError):
                self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Any, among: "deque[Any]", heard: Callable[[Any, Any], None]) -> None:
        """Let the poller call `heard` when there is something to read.

        Raises OSError where the system watches no more sockets; then nothing was done.
        """
        with self._keeping:
            among.append(conn)
            try:
                self.poller.register(conn.sock, selectors.EVENT_READ, partial(heard, conn))
            except BaseException:
                among.remove(conn)
                raise

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


def peek(conn: Any, most: int = 1) -> bytes | None:
    """Return the first bytes that wait to be read, b"" at the end, None where there is nothing.

    Of what nobody can look at without reading it (TLS), or what was read with the request before,
    it is one byte.
    """
    if conn.initialized and (before := conn.parser.unreader.buf.getvalue()):
        return bytes(before[:1])  # came with the request before
    if isinstance(conn.sock, ssl.SSLSocket):
        return b"?"  # nobody knows before it is decrypted
    try:
        return conn.sock.recv(most, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # type: ignore[no-any-return]
    except BlockingIOError:
        return None
    except OSError:  # it broke
        return b""
