"""One request of a load over a connection that is kept, and what is to be said of its answer."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

PROBLEM = "application/problem+json"
# Longer than any answer may take: who waits so long was forgotten.
PATIENCE_SECONDS = 60
# A service in trouble may say these. Everything else that was not asked for is a false answer.
REFUSALS = (503, 507)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked and when (of the monotonic clock), and what came of it."""

    kind: str
    at: float
    seconds: float
    status: int  # 0 where the connection broke before an answer came
    code: str = ""  # of a problem document, or how the connection broke
    wrong: str = ""  # what is wrong with the answer
    json: Any = None

    @property
    def is_good(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300 and not self.wrong

    @property
    def is_refused(self) -> bool:
        """Whether it is an honest refusal of a service in trouble."""
        return self.status in REFUSALS and not self.wrong

    def judged(self, is_true: Callable[[Any], bool]) -> "Asked":
        """Return it without its body, and wrong if it is an answer that is not true."""
        if self.is_good and not is_true(self.json):
            return replace(self, wrong=f"a false answer: {self.json}", json=None)
        return replace(self, json=None)


class Connection:
    """A client's connection; it is opened anew after it broke."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        host, port = place.hostname or "", place.port
        if place.scheme == "https":
            # The certificate of a trial is signed by itself.
            context = ssl._create_unverified_context()
            self._http: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=PATIENCE_SECONDS, context=context
            )
        else:
            self._http = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)

    def ask(
        self,
        kind: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        token: str | None = None,
        *,
        wanted: int,
        headers: dict[str, str] | None = None,
    ) -> Asked:
        """Send a request; return what came of it, judged by its status and shape."""
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        content = None if body is None else json.dumps(body)
        if content is not None:
            fields["Content-Type"] = "application/json"
        at = time.monotonic()
        try:
            self._http.request(method, path, content, {**fields, **(headers or {})})
            response = self._http.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            return Asked(kind, at, time.monotonic() - at, 0, type(error).__name__)
        seconds = time.monotonic() - at
        status, mime = response.status, response.headers.get_content_type()
        code, wrong, document = "", "", None
        try:
            document = json.loads(text) if text else None
        except ValueError:
            wrong = f"{status}: no JSON"
        if status >= 400:
            code, wrong = _refusal(status, mime, document)
        elif status != wanted:
            wrong = f"{status}, not {wanted}"
        return Asked(kind, at, seconds, status, code, wrong, document)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def _refusal(status: int, mime: str, document: Any) -> tuple[str, str]:
    """Return the code of a refusal, and what is wrong with it."""
    if mime != PROBLEM or not isinstance(document, dict):
        return "", f"{status} as {mime}"
    code = str(document.get("code"))
    if document.get("status") != status or not {"type", "title", "code"} <= document.keys():
        return code, f"{status} with {document}"
    return code, "" if status in REFUSALS else f"{status} {code}"
