"""Sends variations of what schemathesis has sent, and judges every answer.

An answer must be one that the API description names, with status, code, headers and form, as every
client of the tests demands (tests/support/described.py); none is 5xx, and where a log-in is
required nothing succeeds without one.
"""

import io
import sys
from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.datastructures import Headers

from tests.fuzz.callers import Administrator
from tests.fuzz.existing import Existing
from tests.fuzz.tally import Tally
from tests.fuzz.variations import Sent, varied
from tests.support import described
from tests.support.answers import Answer, InProcess

# Kept of each operation: so many that succeeded, and so many others.
KEPT = 200
# After so many variations somebody new is there to be their target.
FRESH_EVERY = 100
AUTHORIZATION = "HTTP_AUTHORIZATION"


class Varying:
    """What was sent, by operation, and what is made of it."""

    def __init__(self, app: Flask, tally: Tally, chance: Random) -> None:
        self._app = app
        self._tally = tally
        self._chance = chance
        self._kept: dict[str, tuple[list[Sent], list[Sent]]] = defaultdict(lambda: ([], []))
        self._seen: dict[tuple[str, bool], int] = defaultdict(int)
        self._description = described.description(InProcess(app))

    def keep(self, sent: Sent, status: int) -> None:
        """Keep a request; when there are too many, one by chance makes room."""
        is_success = 200 <= status < 300
        kept = self._kept[sent.label][not is_success]
        seen = self._seen[sent.label, is_success] = self._seen[sent.label, is_success] + 1
        if len(kept) < KEPT:
            kept.append(sent)
        elif (at := self._chance.randrange(seen)) < KEPT:
            kept[at] = sent

    def run(self, count: int, admin: Administrator, existing: Existing) -> None:
        """Send so many variations, of each operation equally many."""
        labels = sorted(self._kept)
        targets: dict[str, str] = {}
        somebody = existing.token_of_somebody()
        for number in range(count):
            if number % FRESH_EVERY == 0:
                admin.doubt()
                targets = existing.targets(admin.session())
            root = admin.session().token
            token = self._chance.choices((root, somebody, None), (6, 2, 2))[0]
            sent = self._one_of(labels[number % len(labels)])
            sent = _called_with(token, self._aimed(sent, targets))
            what, sent = varied(sent, self._one_of(sent.label), self._chance)
            code = self._send(sent, what, {_bearer(root), _bearer(somebody)})
            if code in ("invalid_token", "insufficient_scope"):
                if token == root:
                    admin.doubt()
                elif token == somebody and code == "invalid_token":
                    somebody = existing.token_of_somebody()

    def _one_of(self, label: str) -> Sent:
        good, other = self._kept[label]
        kept = good if good and (not other or self._chance.random() < 0.7) else other
        return self._chance.choice(kept)

    def _aimed(self, sent: Sent, targets: dict[str, str]) -> Sent:
        """Aim a request most times at somebody who is there: the first one may be gone."""
        template = sent.label.partition(" ")[2].split("/")
        segments = sent.environ["PATH_INFO"].split("/")
        if len(segments) != len(template) or self._chance.random() < 0.2:
            return sent
        found = [targets.get(name, old) for name, old in zip(template, segments, strict=True)]
        return sent.with_environ(PATH_INFO="/".join(found))

    def _send(self, sent: Sent, what: str, known: set[str]) -> str | None:
        """Send a request, judge the answer, return its code; `known` are the log-ins."""
        self._tally.varied += 1
        try:
            answer = self._answered(sent)
            self._tally.statuses[answer.status] += 1
            self._judge(sent, answer, is_known=sent.environ.get(AUTHORIZATION) in known)
        except Exception as error:
            told = f"{type(error).__name__}: {error}\n{sent.environ}\n{sent.body[:2000]!r}"
            self._tally.findings.setdefault(f"{sent.label}: varied {what}", told)
            return None
        return answer.code

    def _judge(self, sent: Sent, answer: Answer, *, is_known: bool) -> None:
        assert answer.status < 500, str(answer)
        method = sent.environ["REQUEST_METHOD"]
        target = quote(sent.environ["PATH_INFO"].encode("latin-1"))
        self._description.check(method, target, answer)
        operation = self._description.operation(method, target)
        locks = operation["security"] if operation else []
        is_locked = locks and {} not in locks
        assert is_known or not is_locked or answer.status >= 400, f"{answer}: without a log-in"

    def _answered(self, sent: Sent) -> Answer:
        environ: dict[str, Any] = {
            **sent.environ,
            "CONTENT_LENGTH": str(len(sent.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(sent.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        started: list[Any] = []
        chunks = self._app.wsgi_app(environ, lambda *told: started.append(told))
        try:
            content = b"".join(chunks)
        finally:
            if close := getattr(chunks, "close", None):
                close()
        status, headers = started[0][:2]
        asked = f"{sent.environ['REQUEST_METHOD']} {sent.environ['PATH_INFO']}"
        return Answer(int(status[:3]), Headers(headers), content, asked)


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _called_with(token: str | None, sent: Sent) -> Sent:
    """Give a request this token; what was sent with another scheme stays as it is."""
    if not sent.environ.get(AUTHORIZATION, "Bearer").startswith("Bearer"):
        return sent
    environ = {name: value for name, value in sent.environ.items() if name != AUTHORIZATION}
    if token is not None:
        environ[AUTHORIZATION] = _bearer(token)
    return replace(sent, environ=environ)
