"""Reading a request body: at most MAX_BODY_BYTES, of the right type, whole or not at all."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from flask import Request, current_app, request
from werkzeug.http import parse_options_header

from gatehouse.web.refusals import BodyTooLarge, BrokenBody, UnsupportedMediaType

View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PART = 64 * 1024


def read(media_type: str, *, required: bool = True) -> bytes:
    """Return the body of the present request, which has to be of `media_type`.

    An absent body is `b""` where it is not `required`. Raises BrokenBody, BodyTooLarge or
    UnsupportedMediaType.
    """
    content_type = request.environ.get("CONTENT_TYPE", "")
    if not required and not content_type and _is_absent(request):
        return b""
    if not _is_of(content_type, media_type):
        raise UnsupportedMediaType(f"Send {media_type}.", headers={"Accept": media_type})
    return _bytes()


def streamed(view: View) -> View:
    """Leave it to the view how long a body may be: it reads `parts`, or not at all."""
    view._is_streamed = True  # type: ignore[attr-defined]
    return view


def is_streamed(view: Any) -> bool:
    """Tell whether MAX_BODY_BYTES is not for this view."""
    return getattr(view, "_is_streamed", False)


def parts(length: int) -> Iterator[bytes]:
    """Give the `length` bytes of a body part by part; raises BrokenBody if it ends before."""
    while length:
        part = _read(request.environ["wsgi.input"], min(length, PART))
        if not part:
            raise BrokenBody("The body is shorter than its Content-Length.")
        length -= len(part)
        yield part


def _bytes() -> bytes:
    """Read the body whole, and never more than one byte beyond what is allowed."""
    length = request.content_length
    if length is None and "wsgi.input_terminated" not in request.environ:
        return b""  # the server does not know where a body of unknown length ends
    allowed = current_app.config["MAX_CONTENT_LENGTH"]
    wanted = allowed + 1 if length is None else length
    if wanted > allowed + 1:
        raise BodyTooLarge
    data = _read(request.environ["wsgi.input"], wanted)
    if len(data) > allowed:
        raise BodyTooLarge
    if length is not None and len(data) < length:
        raise BrokenBody("The body is shorter than its Content-Length.")
    return data


def _read(stream: Any, wanted: int) -> bytes:
    data = b""
    try:
        while len(data) < wanted and (part := stream.read(wanted - len(data))):
            data += part
    except Exception as error:
        # A server raises its own classes here (a malformed chunk, a bad trailer, a vanished
        # peer), and each of them is about the bytes that the client sent. gunicorn closes the
        # connection by itself afterwards.
        raise BrokenBody from error
    return data


def _is_absent(of: Request) -> bool:
    return not of.content_length and "HTTP_TRANSFER_ENCODING" not in of.environ


@lru_cache(maxsize=256)
def _is_of(content_type: str, media_type: str) -> bool:
    given, options = parse_options_header(content_type)
    return (
        given.lower() == media_type and options.get("charset", "utf-8").lower().strip() == "utf-8"
    )
