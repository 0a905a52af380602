"""Flask without what it does at each request, or at the start, for applications of other kinds."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request
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


def make_lean(app: Flask, *, public_url: str) -> None:
    """Leave out coroutines, and the host where a route is looked for."""
    app.url_rule_class = LateRule
    # Views and hooks are synchronous; Flask would look at each of them again at every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    usual, public = app.create_url_adapter, urlsplit(public_url)

    def adapter(request: Request | None) -> MapAdapter | None:
        """Return what finds a route; a URL that it would write begins as PUBLIC_URL.

        No route depends on the host that a request names; `web.hosts` has looked at it.
        """
        if request is None or "HTTP_UPGRADE" in request.environ:  # of a WebSocket, maybe
            return usual(request)
        where = public.netloc, request.root_path, "", public.scheme
        return MapAdapter(app.url_map, *where, request.path, request.method)

    app.create_url_adapter = adapter  # type: ignore[method-assign]
