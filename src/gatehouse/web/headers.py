"""Headers of every answer: added as it leaves, at the cost of one list.

The server below names itself without a version and cannot be told otherwise from here.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, Response, request
from flask_cors import CORS

from gatehouse.settings import Settings

REQUEST_ID = "X-Request-ID"
CROSS_ORIGIN_PATHS = ("/api/", "/.well-known/", "/uploads/")
EXPOSED = (
    *("ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"),
    *("WWW-Authenticate", REQUEST_ID),
)
ACCEPTED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    REQUEST_ID,
)
PREFLIGHT_SECONDS = 600

HeaderList = list[tuple[str, str]]

# Each is added unless the answer has one of its own: a page may need another policy, and a
# public document may be cached.
_DEFAULTS: Sequence[tuple[str, str]] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_VARY = ("Vary", "Origin")


def complete(headers: HeaderList, environ: dict[str, Any], *, varies: bool) -> None:
    """Add to an answer what every answer carries.

    `varies` says that other origins may read the API at all: then its answers differ by
    Origin, allowed or not.
    """
    present = {name.lower() for name, _ in headers}
    headers.extend(pair for pair in _DEFAULTS if pair[0].lower() not in present)
    if environ["wsgi.url_scheme"] == "https":
        headers.append(_HSTS)
    if varies and environ["PATH_INFO"].startswith(CROSS_ORIGIN_PATHS) and _VARY not in headers:
        headers.append(_VARY)


def register(app: Flask, settings: Settings) -> None:
    """Let the browsers of CORS_ORIGINS read the API; without any, there is no hook at all."""
    if not settings.cors_origins:
        return
    CORS(
        app,
        resources={rf"{re.escape(path)}.*": {} for path in CROSS_ORIGIN_PATHS},
        origins=[_exactly(origin) for origin in settings.cors_origins],
        supports_credentials=settings.cors_credentials,
        allow_headers=list(ACCEPTED),
        expose_headers=list(EXPOSED),
        max_age=PREFLIGHT_SECONDS,
        send_wildcard=True,
        always_send=False,
        vary_header=False,  # `complete` says it for every answer, refused origins included
        allow_private_network=False,
        intercept_exceptions=False,  # the hook sees error answers like all others
    )
    # Most requests are of no browser: the hook that the extension has added waits for an Origin.
    share: Callable[[Response], Response] = app.after_request_funcs[None].pop()  # type: ignore[assignment]
    app.after_request(lambda found: share(found) if "HTTP_ORIGIN" in request.environ else found)


def _exactly(origin: str) -> "str | re.Pattern[str]":
    """Return a pattern for one origin and nothing that looks like it."""
    return origin if origin == "*" else re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)
