"""Reading a request body: at most MAX_BODY_BYTES, of the right type, whole or not at all."""

from functools import lru_cache

from flask import Request, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from gatehouse.web.refusals import BodyTooLarge, BrokenBody, UnsupportedMediaType

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


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
    data = _bytes()
    length = request.content_length
    if length is not None and len(data) != length:
        raise BrokenBody("The body is shorter than its Content-Length.")
    return data


def _bytes() -> bytes:
    try:
        return request.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise BodyTooLarge from None
    except HTTPException:
        raise BrokenBody from None
    except Exception as error:
        # A server raises its own classes here (a malformed chunk, a bad trailer, a vanished
        # peer), and each of them is about the bytes that the client sent. gunicorn closes the
        # connection by itself afterwards.
        raise BrokenBody from error


def _is_absent(of: Request) -> bool:
    return not of.content_length and "HTTP_TRANSFER_ENCODING" not in of.environ


@lru_cache(maxsize=256)
def _is_of(content_type: str, media_type: str) -> bool:
    given, options = parse_options_header(content_type)
    return (
        given.lower() == media_type and options.get("charset", "utf-8").lower().strip() == "utf-8"
    )
