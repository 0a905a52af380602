"""What the server itself writes: the head of every answer, and refusals as problem documents.

What is wrong with a request before it reaches the application (its framing, its size) gunicorn
answers by itself, in HTML. Here it is told in the shape of all other errors (RFC 9457) instead.
"""

import ssl
from functools import lru_cache
from http import HTTPStatus

import orjson
from gunicorn import util
from gunicorn.http import errors, wsgi

from gatehouse.core import clock

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

_CODING = "TRANSFER-ENCODING"
# A larger body is not copied to leave in one piece with its head.
_LARGE = 64 * 1024


class Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's response, which does not name the server, and leaves in one piece if it may."""

    headers_sent: bool

    def default_headers(self) -> list[str]:
        """Return the first lines of an answer: gunicorn's, without the one that names it."""
        if self.status_code == 400 and any(name == _CODING for name, _ in self.req.headers):
            # After a malformed chunk nobody knows where the next request begins (R96).
            self.force_close()
        kept = "close" if self.should_close() else "keep-alive"
        lines = [
            "HTTP/{}.{} {}\r\n".format(*self.req.version, self.status),
            f"Date: {_date(int(clock.now().timestamp()))}\r\n",
            f"Connection: {'upgrade' if self.upgrade else kept}\r\n",
        ]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        return lines

    def write(self, arg: bytes) -> None:
        """Write a part of the body; a short one that is the whole goes with the head."""
        size = len(arg)
        is_whole = size == self.response_length and size <= _LARGE
        if not is_whole or self.headers_sent or self._omits_body:
            super().write(arg)
            return
        lines = [*self.default_headers(), *(f"{k}: {v}\r\n" for k, v in self.headers), "\r\n"]
        self.headers_sent, self.sent = True, size
        self.sock.sendall("".join(lines).encode("latin-1") + arg)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return a moment as HTTP writes it (RFC 9110, section 5.6.7); most answers share one."""
    return str(util.http_date(second))


def refusal(error: Exception) -> tuple[int, str, str]:
    """Return status, code and title of the answer to what has gone wrong."""
    _, status, code, title = next(row for row in _REFUSALS if isinstance(error, row[0]))
    return status, code, title


def problem(
    status: int, code: str, title: str, request_id: str, *, retry_after: str = "1"
) -> bytes:
    """Return a whole answer, after which the connection is closed."""
    document = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "instance": request_id,
        "code": code,
    }
    body = orjson.dumps(document)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-ID: {request_id}",
    ]
    if status == 503:
        lines.append(f"Retry-After: {retry_after}")
    return "\r\n".join([*lines, "\r\n"]).encode("ascii") + body
