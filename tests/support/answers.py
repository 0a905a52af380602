"""How a request reaches the service under test, and what comes back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import urllib3
from flask import Flask
from werkzeug.datastructures import Headers

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, header fields (any case), and a body."""

    status: int
    headers: Headers
    content: bytes
    asked: str

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.content)

    @property
    def code(self) -> str | None:
        """The stable code of a problem document; None in any other answer."""
        is_problem = self.headers.get("Content-Type", "").startswith(PROBLEM)
        return self.json["code"] if is_problem else None

    @property
    def retry_after(self) -> int:
        """The seconds that the answer asks to wait."""
        return int(self.headers["Retry-After"])

    def __str__(self) -> str:
        return f"{self.asked} -> {self.status} {self.content[:400].decode(errors='replace')}"

    def expect(self, status: int, code: str | None = None) -> "Answer":
        """Return the answer if it is the expected one, else fail and show it."""
        assert self.status == status, str(self)
        if code is not None:
            assert self.code == code, str(self)
        return self


class Transport(Protocol):
    """Sends one request from an address and returns the answer; many threads may use one."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, address: str
    ) -> Answer:
        """Send it."""
        ...


class InProcess:
    """Calls the application; every request is one of its own, without cookies or a context."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, address: str
    ) -> Answer:
        """Send it with `address` as the peer of the connection."""
        fields = Headers(list(headers.items()))
        response = self.app.test_client(use_cookies=False).open(
            path,
            method=method,
            headers=fields,
            data=body,
            base_url="http://127.0.0.1:8000",
            environ_overrides={"REMOTE_ADDR": address},
        )
        with response:
            content = response.get_data()
        return Answer(response.status_code, response.headers, content, f"{method} {path}")


class OverNetwork:
    """Talks HTTP/1.1 to a server that trusts us as its proxy, so that addresses can differ."""

    def __init__(self, url: str) -> None:
        # A certificate of tests is signed by itself.
        secure = {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        more = secure if url.startswith("https:") else {}
        self._pool = urllib3.connection_from_url(
            url, maxsize=160, timeout=30, retries=False, **more
        )

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, address: str
    ) -> Answer:
        """Send it with `address` in X-Forwarded-For."""
        fields = {"X-Forwarded-For": address, **headers}
        response = self._pool.urlopen(method, path, body=body, headers=fields, redirect=False)
        found = Headers(list(response.headers.items()))
        return Answer(response.status, found, response.data, f"{method} {path}")

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
