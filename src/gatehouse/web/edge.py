"""How HTTP is spoken, installed in one go: middleware, admission, errors, headers, routing."""

from functools import lru_cache

from flask import Flask, current_app, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from gatehouse.infra import logs, metrics, overload
from gatehouse.settings import Settings
from gatehouse.web import body, errors, headers, hosts, json, lean, proxies
from gatehouse.web.openapi import Api
from gatehouse.web.refusals import (
    BodyTooLarge,
    BrokenBody,
    NotAcceptable,
    UnsupportedMediaType,
    UntrustedHost,
)


def install(app: Flask, settings: Settings) -> Api:
    """Prepare `app` before any blueprint is registered; returns where they register.

    Comes after the extensions that bring error handlers of their own.
    """
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    lean.make_lean(app, public_url=settings.public_url)
    # Trailing slashes do not matter, and nothing ever redirects.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    json.register(app)
    errors.register(app)
    headers.register(app, settings)
    app.before_request(admit)
    measures = metrics.of(app)
    measures.declare((proxies.IGNORED, overload.SHED))
    app.wsgi_app = hosts.Edge(app.wsgi_app, settings, measures)  # type: ignore[method-assign]
    return Api(app)


def admit() -> None:
    """Refuse what no route wants to see, before the route is looked at."""
    environ = request.environ
    g.request_id = request_id = environ[hosts.REQUEST_ID]
    logs.bind_request(request_id)
    if hosts.IS_UNTRUSTED_HOST in environ:
        raise UntrustedHost
    length = environ.get("CONTENT_LENGTH")
    if length:
        if not (length.isascii() and length.isdigit()):
            raise BrokenBody("Content-Length is not a number.")
        if len(length) > 18 or (int(length) > _most() and not _is_streamed()):
            raise BodyTooLarge
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, not compressed.")
    accept = environ.get("HTTP_ACCEPT")
    if accept and environ["PATH_INFO"].startswith("/api/") and not _takes_json(accept):
        raise NotAcceptable


def _most() -> int:
    return request.max_content_length or 0


def _is_streamed() -> bool:
    return body.is_streamed(current_app.view_functions.get(request.endpoint or ""))


@lru_cache(maxsize=256)
def _takes_json(accept: str) -> bool:
    if "/" not in accept:  # not a media range at all
        return True
    wanted = parse_accept_header(accept, MIMEAccept)
    return any(wanted.quality(kind) > 0 for kind in (json.MIME_TYPE, "application/problem+json"))
