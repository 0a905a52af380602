"""Flask without what it does at each request, or at the start, for applications of other kinds."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule

Built = tuple[str, str]


class LateRule(Rule):
    """Compiles at the start what finds a route; what writes its URL waits until it is wanted.

    The method replaced is not part of Werkzeug's promises: in a version without it, all is compiled
    at the start again.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Built]:
        compiled = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: Rule, /, **values: Any) -> Built:
            return compiled()(rule, **values)

        return build


class NoSessions(SessionInterface):
    """Flask's sessions are signed cookies, and nobody here sets one: one is everybody's, empty."""

    _nobodys = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Return the session that takes nothing."""
        return self._nobodys


def make_lean(app: Flask) -> None:
    """Leave out sessions, coroutines, and the host where a route is looked for."""
    app.url_rule_class = LateRule
    app.session_interface = NoSessions()
    # Views and hooks are synchronous; Flask would look at each of them again at every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    usual = app.create_url_adapter

    def adapter(request: Request | None) -> MapAdapter | None:
        """Return what finds a route; none depends on the host, which `web.hosts` looks at."""
        if request is None or "HTTP_UPGRADE" in request.environ:  # of a WebSocket, maybe
            return usual(request)
        host = request.environ.get("HTTP_HOST", "")
        where = host, request.root_path, "", request.scheme
        return MapAdapter(app.url_map, *where, request.path, request.method)

    app.create_url_adapter = adapter  # type: ignore[method-assign]
