"""How gunicorn serves here: its own refusals as problem documents, and a stop that loses nothing.

What is wrong with a request before it reaches the application (its framing, its size) gunicorn
answers by itself, in HTML. `Worker` answers in the shape of all other errors (RFC 9457) instead.
"""

import json
import logging
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.http import errors, wsgi

from gatehouse.core.ids import new_id
from gatehouse.infra import lifecycle, metrics, overload
from gatehouse.infra.connections import RoomyWorker
from gatehouse.settings import Settings

# The first class that fits decides; what is no fault of the client is 500.
_REFUSALS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (errors.InvalidResponseHeader, 500, "internal_error", "Internal Server Error"),
    (errors.InvalidResponseHeaderName, 500, "internal_error", "Internal Server Error"),
    (errors.ConfigurationProblem, 500, "internal_error", "Internal Server Error"),
    (errors.LimitRequestLine, 414, "uri_too_long", "URI Too Long"),
    (errors.LimitRequestHeaders, 431, "headers_too_large", "Request Header Fields Too Large"),
    (errors.ExpectationFailed, 417, "expectation_failed", "Expectation Failed"),
    (errors.ParseException, 400, "bad_request", "Bad Request"),
    (ssl.SSLError, 400, "bad_request", "Bad Request"),
    (Exception, 500, "internal_error", "Internal Server Error"),
)

# Asks nothing of anybody and tells that this process lives: answered however late it is.
_ALWAYS = "/health"

_CODING = "TRANSFER-ENCODING"
_default_headers = wsgi.Response.default_headers


def _own_headers(response: wsgi.Response) -> list[str]:
    """Return gunicorn's own header lines, without the one that names it."""
    if response.status_code == 400 and any(name == _CODING for name, _ in response.req.headers):
        # After a malformed chunk nobody knows where the next request begins (R96).
        response.force_close()
    return [line for line in _default_headers(response) if not line.startswith("Server:")]


class Worker(RoomyWorker):
    """gunicorn's threaded worker in this house's manners."""

    def init_signals(self) -> None:
        """Leave Ctrl-C to the main process, so that requests in flight finish there too."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        wsgi.Response.default_headers = _own_headers

    def load_wsgi(self) -> None:
        """Take over the application, and for how long its requests may wait."""
        super().load_wsgi()
        settings: Settings = self.wsgi.config["SETTINGS"]
        self.queue_timeout_seconds = settings.queue_timeout_seconds

    def enqueue_req(self, conn: Any) -> None:
        """Hand a request to the threads, and note when."""
        conn.queued_at = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Take a request up, in a thread, and note for how long it has waited."""
        conn.waited_seconds = time.monotonic() - conn.queued_at
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Serve a request; one that waited too long is refused at once.

        When everything behind us is slow, all threads wait and the queue grows. Serving what is
        old would make everybody late, for ever.
        """
        if conn.waited_seconds <= self.queue_timeout_seconds or req.path == _ALWAYS:
            # A connection that went over to WebSocket takes no other request.
            return bool(super().handle_request(req, conn)) and not _is_handed_over(conn)
        metrics.of(self.wsgi).count(overload.SHED)
        problem = _problem(503, "overloaded", "Service Unavailable", str(new_id()))
        util.write_nonblock(conn.sock, problem)
        return False

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
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
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
        _, status, code, phrase = next(row for row in _REFUSALS if isinstance(exc, row[0]))
        request_id = str(new_id())
        if status == 500:
            self.log.error("request_broken request_id=%s", request_id, exc_info=exc)
        else:
            # The class alone: its text holds what a stranger sent.
            self.log.info("request_refused status=%d reason=%s", status, type(exc).__name__)
        try:
            util.write_nonblock(client, _problem(status, code, phrase, request_id))
        except OSError:
            self.log.debug("the client did not wait for its answer")


def _is_handed_over(conn: Any) -> bool:
    """Tell whether the application has taken the connection away (`infra.sockets`)."""
    return bool(conn.sock.fileno() < 0)


def _problem(status: int, code: str, phrase: str, request_id: str) -> bytes:
    document = {
        "type": f"/problems/{code}",
        "title": phrase,
        "status": status,
        "detail": f"{phrase}.",
        "instance": request_id,
        "code": code,
    }
    body = json.dumps(document, separators=(",", ":"))
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-ID: {request_id}",
    ]
    if status == 503:
        lines.append("Retry-After: 1")
    return "\r\n".join([*lines, "", body]).encode("ascii")


def die_before_the_main_process() -> None:
    """Let Linux, when memory runs out, end a worker: the main process replaces it.

    Nothing would replace the main process. Everybody may raise their own score.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def tells_something(record: logging.LogRecord) -> bool:
    """Tell whether a line of gunicorn's start is worth a place in the log.

    With `reuse_port` the main process listens nowhere, so it would name no address.
    """
    return not str(record.msg).startswith(("Listening at: ", "Using worker: "))


def stop_gracefully(arbiter: Arbiter, settings: Settings) -> None:
    """Let SIGTERM and SIGINT of gunicorn's main process lower readiness first, then stop.

    For SHUTDOWN_DELAY_SECONDS the workers go on as before, while `/ready` says 503 and a proxy
    turns away. Then they finish what is in flight. A second signal ends the delay at once.
    """
    stop: Callable[[], NoReturn] = arbiter.handle_term  # leaves the main loop by StopIteration
    delay_seconds = settings.shutdown_delay_seconds

    def drain_then_stop() -> None:
        if lifecycle.draining() or not delay_seconds:
            lifecycle.start_draining()
            stop()
        lifecycle.start_draining()
        arbiter.log.info("draining for %s s", delay_seconds)
        signal.setitimer(signal.ITIMER_REAL, delay_seconds)

    # The alarm only queues a signal as any other, so the main loop (which replaces workers that
    # die) runs on during the delay.
    signal.signal(signal.SIGALRM, lambda *_: arbiter.SIG_QUEUE.put_nowait(signal.SIGTERM))
    arbiter.handle_term = arbiter.handle_int = drain_then_stop
