"""JSON on the way out: orjson for everything that leaves."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider

MIME_TYPE = "application/json"
_OPTIONS = orjson.OPT_UTC_Z


def dumps(data: Any) -> bytes:
    """Return `data` as JSON; UUIDs, enums and aware datetimes (as UTC with `Z`) are known."""
    return orjson.dumps(data, _sorted_set, _OPTIONS)


def respond(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    response = Response(dumps(data), status, mimetype=MIME_TYPE)
    if headers:
        response.headers.update(headers)
    return response


class OrjsonProvider(JSONProvider):
    """What Flask itself uses, so that no other JSON writer is at work."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return `obj` as JSON text."""
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse JSON of our own making; what strangers send goes through `web.parsing`."""
        return orjson.loads(s)


def register(app: Flask) -> None:
    """Make `app` write JSON with orjson."""
    app.json = OrjsonProvider(app)


def _sorted_set(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
