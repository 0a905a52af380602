"""Whom to believe about the client: only proxies that the operator has named.

`X-Forwarded-For` is read from the right: each hop that is itself a trusted proxy vouches for
the one before it. `Forwarded`, `X-Real-IP`, `X-Forwarded-Host` and the like are never read.
"""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import structlog

from gatehouse.infra import metrics

logger = structlog.get_logger(__name__)

IGNORED = metrics.Counter(
    "gatehouse_forwarded_headers_ignored_total", "Forwarded headers of a peer that is not trusted."
)
MAX_HOPS = 16
Network = IPv4Network | IPv6Network


class Proxies:
    """The trusted proxies of one application."""

    def __init__(
        self,
        networks: Collection[Network],
        measures: metrics.NullMetrics = metrics.SILENT,
    ) -> None:
        self._networks = tuple(networks)
        self._metrics = measures
        self._has_warned = False
        self._is_trusted = lru_cache(maxsize=1024)(self._look_up)

    def apply(self, environ: dict[str, Any]) -> None:
        """Set REMOTE_ADDR and the scheme of a request to those of the client."""
        chain = environ.get("HTTP_X_FORWARDED_FOR")
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if chain is None and scheme is None:
            return
        peer = environ.get("REMOTE_ADDR") or ""
        if not self._is_trusted(peer):
            self._metrics.count(IGNORED)
            self._warn_once(peer)
            return
        hops = 1
        if chain is not None:
            environ["REMOTE_ADDR"], hops = self._client(peer, chain)
        if scheme is not None:
            claimed = [part.strip().lower() for part in scheme.split(",")]
            last = claimed[max(0, len(claimed) - hops)]
            if last in ("http", "https"):
                environ["wsgi.url_scheme"] = last

    def _client(self, peer: str, chain: str) -> tuple[str, int]:
        """Return the first address from the right that no proxy of ours has, and the hops."""
        address, hops = peer, 0
        for part in reversed(chain.split(",")[-MAX_HOPS:]):
            if not self._is_trusted(address):
                break
            claimed = _address(part)
            if claimed is None:
                break
            address, hops = claimed, hops + 1
        return address, max(hops, 1)

    def _look_up(self, address: str) -> bool:
        if not address:  # a Unix socket: whoever may open it is a proxy of this machine
            return bool(self._networks)
        try:
            parsed = ip_address(address.split("%", 1)[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)

    def _warn_once(self, peer: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "forwarded_header_ignored",
                peer=peer,
                hint="name the proxy in TRUSTED_PROXIES, or all its clients share one address",
            )


def _address(part: str) -> str | None:
    """Return the address in one item of X-Forwarded-For, its port cut off; else None."""
    text = part.strip()
    if text.startswith("["):
        text = text[1:].split("]", 1)[0]
    elif text.count(":") == 1:
        text = text.split(":", 1)[0]
    try:
        return str(ip_address(text)) if len(text) <= 45 else None
    except ValueError:
        return None
