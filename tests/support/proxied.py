"""People who come through nginx: by TLS, each from an address of the loopback."""

import threading
from collections.abc import Mapping

import urllib3
from werkzeug.datastructures import Headers

from tests.support.answers import Answer

HOST = "accounts.example.org"


class ThroughNginx:
    """Talks to nginx as browsers do. It believes nobody's X-Forwarded-For: addresses are real."""

    def __init__(self, port: int, *, connect_to: str = "127.0.0.1", host: str = HOST) -> None:
        self._place = (connect_to, port)
        self._host = host
        self._pools: dict[str, urllib3.HTTPSConnectionPool] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, address: str
    ) -> Answer:
        """Send it from the address of the loopback that ends as `address` does."""
        fields = {"Host": self._host, **headers}
        answer = self._pool(address).urlopen(
            method, path, body=body, headers=fields, redirect=False, assert_same_host=False
        )
        found = Headers(list(answer.headers.items()))
        return Answer(answer.status, found, answer.data, f"{method} {path}")

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, address: str) -> urllib3.HTTPSConnectionPool:
        source = f"127.{address.partition('.')[2]}"
        with self._lock:
            if source not in self._pools:
                self._pools[source] = urllib3.HTTPSConnectionPool(
                    *self._place,
                    maxsize=32,
                    timeout=30,
                    retries=False,
                    cert_reqs="CERT_NONE",
                    assert_hostname=False,
                    source_address=(source, 0),
                )
            return self._pools[source]
