"""The door: what the application would refuse unseen is refused before anybody reads it.

While more passwords wait than can be checked, each of a flood of log-ins costs no more than its
refusal. By way of a thread, the parser and the application it would be many times as much, taken
from everybody else.
"""

import re

from flask import Flask

from gatehouse.core import ids
from gatehouse.core.errors import Unavailable
from gatehouse.infra import hashing, logs, metrics
from gatehouse.infra.server import responses

# So much of a request is looked at; what is longer is let in.
SEEN_BYTES = 4096

# Whoever sends these wants more than the plain answer (CORS), or has a body of another kind.
_IS_UNUSUAL = re.compile(rb"\r\n(?:origin|transfer-encoding|expect|upgrade)[ \t]*:", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,4})[ \t]*(?=\r\n)", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)


class Door:
    """Stands before the routes of an application that are marked by `hashing.room_first`."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._watched = {
            f"{method} {rule.rule} HTTP/1.1".encode(): (method, rule.rule)
            for rule in app.url_map.iter_rules()
            if hashing.needs_room(app.view_functions[rule.endpoint])
            for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}
        }

    def refusal(self) -> Unavailable | None:
        """Return why those routes refuse everybody now, None while there is room."""
        return hashing.refusal(self._app) if self._watched else None

    def answer(self, said: bytes, refusal: Unavailable) -> bytes | None:
        """Return the answer to a whole request that is refused, and count it.

        Returns None for what has to be let in: another request, one that is not all there, or one
        whose refusal needs a closer look.
        """
        line, _, _ = said.partition(b"\r\n")
        if line not in self._watched:
            return None
        head, end, body = said.partition(b"\r\n\r\n")
        fields = head + end[:2]
        if _IS_UNUSUAL.search(fields) or _LENGTH.findall(fields) != [b"%d" % len(body)]:
            return None
        given = b",".join(_REQUEST_ID.findall(fields)).decode("latin-1")
        request_id = ids.request_id_of(given)
        self._count(*self._watched[line], refusal.status, request_id)
        after = refusal.headers["Retry-After"]
        return responses.problem(
            refusal.status, refusal.code, refusal.title, request_id, retry_after=after
        )

    def _count(self, method: str, route: str, status: int, request_id: str) -> None:
        measures = metrics.of(self._app)
        measures.count(hashing.REFUSED)
        measures.answered(method, route, str(status), 0.0)
        logs.note_answer(method, route, status, ms=0.0, user_id=None, request_id=request_id)
