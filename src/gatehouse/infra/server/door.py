"""The door: what the application would refuse unseen is refused before anybody reads it.

While more passwords wait than can be checked, each of a flood of log-ins costs no more than its
refusal. By way of a thread, the parser and the application it would be many times as much, taken
from everybody else.
"""

import re
from time import perf_counter

from flask import Flask

from gatehouse.core import ids
from gatehouse.core.errors import Unavailable
from gatehouse.infra import hashing, logs, metrics
from gatehouse.infra.server import responses

# So much of a request is looked at; what is longer is let in.
SEEN_BYTES = 4096

# A stranger writes what these are matched against: each takes a time that grows with its length.
# Whoever sends one of these fields wants more than the plain answer (browsers do), or has another
# kind of body.
_IS_UNUSUAL = re.compile(
    rb"\r\n(?:origin|(?:transfer|content)-encoding|expect|upgrade)[ \t]*:", re.IGNORECASE
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,4})[ \t]*(?=\r\n)", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id:([^\r\n]*)", re.IGNORECASE)


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
        begun = perf_counter()
        line, _, _ = said.partition(b"\r\n")
        if line not in self._watched:
            return None
        head, end, body = said.partition(b"\r\n\r\n")
        fields = head + end[:2]
        if not end or _LENGTH.findall(fields) != [b"%d" % len(body)]:
            return None
        if _is_crooked(fields) or _IS_UNUSUAL.search(fields):
            return None
        given = [value.strip(b" \t") for value in _REQUEST_ID.findall(fields)]
        request_id = ids.request_id_of(b",".join(given).decode("latin-1"))
        after = refusal.headers["Retry-After"]
        answer = responses.problem(
            refusal.status, refusal.code, refusal.title, request_id, retry_after=after
        )
        method, route = self._watched[line]
        self._count(method, route, refusal.status, request_id, perf_counter() - begun)
        return answer

    def _count(self, method: str, route: str, status: int, request_id: str, seconds: float) -> None:
        measures = metrics.of(self._app)
        measures.count(hashing.REFUSED)
        measures.answered(method, route, str(status), seconds)
        took = round(seconds * 1000, 1)
        logs.note_answer(method, route, status, ms=took, user_id=None, request_id=request_id)


def _is_crooked(fields: bytes) -> bool:
    """Tell whether a NUL or half an end of a line is in there, for the parser to refuse."""
    ends = fields.count(b"\r\n")
    return fields.count(b"\r") != ends or fields.count(b"\n") != ends or b"\0" in fields
