"""The outermost layer of the program: who is calling, for which host, under which request id.

A thin WSGI middleware: it decides nothing by itself but leaves its findings in the environment,
so that refusals are problem documents like all others (`web.edge`).
"""

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from time import perf_counter
from typing import Any

from gatehouse.core.ids import request_id_of
from gatehouse.infra import metrics
from gatehouse.settings import Settings
from gatehouse.web import headers
from gatehouse.web.proxies import Proxies

REQUEST_ID = "gatehouse.request_id"
IS_UNTRUSTED_HOST = "gatehouse.is_untrusted_host"
# Labels as in RFC 1035, section 2.3.4, and underscores, which some networks use.
_HOST = re.compile(
    r"((?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
)
_ADDRESS = re.compile(r"(?:(?:[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?)?")
_PROBES = ("/health", "/ready", "/metrics")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Edge:
    """Wraps the WSGI callable of the application."""

    def __init__(
        self,
        app: WsgiApp,
        settings: Settings,
        measures: metrics.NullMetrics = metrics.SILENT,
    ) -> None:
        self._app = app
        self._metrics = measures
        self._proxies = Proxies(settings.trusted_proxies, measures)
        self._varies = bool(settings.cors_origins)
        self._is_ours = host_check(settings.trusted_hosts)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        begun = perf_counter()
        self._proxies.apply(environ)
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
        environ[REQUEST_ID] = request_id
        if not self._may_name(environ):
            environ[IS_UNTRUSTED_HOST] = True

        def start(status: str, fields: headers.HeaderList, exc_info: Any = None) -> Any:
            fields.append((headers.REQUEST_ID, request_id))
            headers.complete(fields, environ, varies=self._varies)
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            route, seconds = rule and rule.rule, perf_counter() - begun
            self._metrics.answered(environ["REQUEST_METHOD"], route, status, seconds)
            return start_response(status, fields, exc_info)

        return self._app(environ, start)

    def _may_name(self, environ: dict[str, Any]) -> bool:
        host = environ.get("HTTP_HOST", "")
        if self._is_ours(host):
            return True
        # Load balancers and container runtimes probe by address or without any name.
        return environ["PATH_INFO"] in _PROBES and _ADDRESS.fullmatch(host) is not None


def host_check(trusted: Collection[str]) -> Callable[[str], bool]:
    """Return a cached check of Host headers; a leading dot in `trusted` covers subdomains.

    Without any, or with `*`, it refuses only what is no host (RFC 9112, section 3.2).
    """
    if "*" in trusted:
        trusted = ()
    exact = frozenset(host.lstrip(".").lower() for host in trusted)
    suffixes = tuple(host.lower() for host in trusted if host.startswith("."))

    @lru_cache(maxsize=256)
    def is_ours(host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().removesuffix(".")
        return not exact or name in exact or (bool(suffixes) and name.endswith(suffixes))

    return is_ours
