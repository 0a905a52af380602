"""Fuzzing: schemathesis makes requests from the API description and judges every answer.

All its checks are on; `schemathesis.toml` widens what some expect, with a reason each. One round is
one run of its four phases: examples of the document, coverage of each schema's edges, chance, and
chains of requests that follow links. Each request goes out twice, as an administrator and then
without a token, and both answers are judged. Variations of what was sent may follow (`varying`).
"""

import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import schemathesis
from flask import Flask
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport

from gatehouse.features import FEATURES
from tests.fuzz import remembered
from tests.fuzz.callers import Administrator, LoggedIn
from tests.fuzz.existing import Existing
from tests.fuzz.tally import Tally
from tests.fuzz.variations import Sent
from tests.fuzz.varying import Varying
from tests.support.answers import InProcess
from tests.support.api import Api
from tests.support.environment import UNHURRIED

EXPECTATIONS = Path(__file__).with_name("schemathesis.toml")
# Limits by address would answer for the service from the second minute on.
UNLIMITED = ",".join(f"{rule.name}=1000000/minute" for one in FEATURES for rule in one.limits)
SETTINGS = {"LIMITS": UNLIMITED, **UNHURRIED}
PREFIX = "/api/v1"
# What the judge of a chain does not know: these bring an account back, and take it away.
EXPLAINED_BY = {
    "use_after_free": f"POST {PREFIX}/users/{{user_id}}/restore",
    "ensure_resource_availability": f"POST {PREFIX}/users/{{user_id}}/erase",
}
STEPS = 12
# Stands in a generated request until it is sent: the log-in comes last.
LATER = "Bearer later"


@dataclass(frozen=True, slots=True)
class Round:
    """How many requests of chance each operation gets, how many variations follow, which seed."""

    examples: int
    seed: int
    has_coverage: bool = True
    variations: int = 0


def run(app: Flask, wanted: Round) -> Tally:
    """Run one round and return what came of it; the service keeps what the requests have made."""
    began, spent = time.monotonic(), time.process_time()
    fuzzing = _Fuzzing(app, wanted)
    with fuzzing.hooked():
        for event in from_schema(fuzzing.schema).execute():
            fuzzing.note(event)
    fuzzing.vary(wanted.variations)
    fuzzing.tally.log_ins = fuzzing.admin.log_ins
    fuzzing.tally.seconds = time.monotonic() - began
    fuzzing.tally.processor_seconds = time.process_time() - spent
    return fuzzing.tally


class _Fuzzing:
    """One round while it runs."""

    def __init__(self, app: Flask, wanted: Round) -> None:
        self.tally = Tally()
        self._app = app
        client = Api(InProcess(app))
        self.admin = Administrator(app, client)
        self._existing = Existing(app, client, self.admin)
        self._random = Random(wanted.seed)
        self._varying = Varying(app, self.tally, self._random)
        self._sending = ""
        self.schema = schemathesis.openapi.from_wsgi(
            "/openapi.json", self._answer, config=_config(wanted)
        )
        self.schema.auth(refresh_interval=None)(_Later)
        for result in self.schema.get_all_operations():
            self.tally.by_operation[result.ok().label] = Counter()

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Stand between schemathesis and the service."""

        @schemathesis.hook
        def before_call(context: Any, case: Any, kwargs: Any) -> None:
            self._prepare(case)

        @schemathesis.hook
        def after_call(context: Any, case: Any, response: Any) -> None:
            self._count(case, response.status_code)

        original = WSGITransport.send

        def send(transport: WSGITransport, case: Any, **kwargs: Any) -> Any:
            # Requests of the checks bring settings of sockets, which only a session allows (4.32).
            for name in ("max_redirects", "verify", "cert", "proxies"):
                kwargs.pop(name, None)
            is_usual = case.method.upper() == case.operation.method.upper()
            self._sending = case.operation.label if is_usual else ""
            return original(transport, case, **kwargs)

        schemathesis.check(without_token)
        try:
            with mock.patch.object(WSGITransport, "send", send), remembered.configuration():
                yield
        finally:
            CHECKS.unregister(without_token.__name__)
            schemathesis.hooks.unregister(before_call)
            schemathesis.hooks.unregister(after_call)

    def _prepare(self, case: Any) -> None:
        """Log in, and aim every other valid request at what exists."""
        is_later = case.headers.get("Authorization") == LATER
        is_valid = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
        is_new = not any(status < 300 for status in self._statuses(case))
        is_aimed = is_valid and (is_new or self._random.random() < 0.5)
        if not (is_later or is_aimed):
            return
        caller = self.admin.session()
        if is_later:
            case.headers["Authorization"] = f"Bearer {caller.token}"
        if is_aimed:
            self._aim(case, caller)

    def _aim(self, case: Any, caller: LoggedIn) -> None:
        label = case.operation.label.replace(PREFIX, "", 1)
        case.body = self._existing.aimed_body(label, case.body, caller)
        # A chain has its ids from the answers before.
        if case.meta.phase.name.value != "stateful":
            self._existing.aim_path(case.path_parameters, caller)
            for name in ("If-Match", "If-None-Match"):
                case.headers.pop(name, None)

    def _count(self, case: Any, status: int) -> None:
        """Count the answer to a generated request for its operation."""
        # A refused request changes nothing, but it may say that the session has ended.
        if status in (401, 403) or (status < 300 and case.method.upper() != "GET"):
            self.admin.doubt()
        if case.method.upper() == case.operation.method.upper():
            self._statuses(case)[status] += 1

    def _statuses(self, case: Any) -> Counter[int]:
        return self.tally.by_operation[case.operation.label]

    def note(self, event: events.EngineEvent) -> None:
        """Keep what an event of schemathesis tells of findings."""
        if isinstance(event, events.NonFatalError):
            self.tally.findings[f"{event.label}: {event.info.title}"] = str(event.info.message)
        if isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info is not None and not _is_explained(
                        event.recorder, case_id, check.name
                    ):
                        self._find(event.recorder, case_id, check)
        if isinstance(event, events.EngineFinished):
            for failure in event.failures:
                self.tally.findings[str(failure)] = ""

    def _find(self, recorder: Any, case_id: str, check: Any) -> None:
        failure = check.failure_info.failure
        label = recorder.cases[case_id].value.operation.label
        response = recorder.find_response(case_id=failure.case_id or case_id)
        told = [failure.message, check.failure_info.code_sample]
        if response is not None:
            told.append(f"{response.status_code} {response.content[:600]!r}")
        self.tally.findings.setdefault(f"{label}: {check.name}: {failure.title}", "\n".join(told))

    def vary(self, count: int) -> None:
        """Send so many variations of what was sent."""
        self._varying.run(count, self.admin, self._existing)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        sent = Sent.of(self._sending, environ)

        def counted(line: str, *rest: Any) -> Any:
            status = int(line[:3])
            self.tally.statuses[status] += 1
            if sent.label:
                self._varying.keep(sent, status)
            return start_response(line, *rest)

        return self._app(environ, counted)


def _is_explained(recorder: Any, case_id: str, check: str) -> bool:
    """Tell whether the same chain had restored what was deleted, or erased what was made."""
    target = recorder.cases[case_id].value.path_parameters.get("user_id")

    def explains(other_id: str, other: Any) -> bool:
        answer = recorder.find_response(case_id=other_id)
        return (
            other.operation.label == EXPLAINED_BY.get(check)
            and other.path_parameters.get("user_id") == target
            and answer is not None
            and answer.status_code < 300
        )

    before = takewhile(lambda one: one[0] != case_id, recorder.cases.items())
    return any(explains(other_id, node.value) for other_id, node in before)


class _Later:
    """Marks the requests that schemathesis means to send with a token."""

    def get(self, case: Any, context: Any) -> str:
        """Return what stands for a token."""
        return LATER

    def set(self, case: Any, data: str, context: Any) -> None:
        """Put it where the token belongs."""
        case.headers["Authorization"] = data


def without_token(context: Any, response: Any, case: Any) -> None:
    """Send the request once more, without the administrator's token, and judge that answer too."""
    if not case.headers.get("Authorization", "").startswith("Bearer "):
        return
    twin = case.derive()
    del twin.headers["Authorization"]
    answer = case.operation.schema.transport.send(twin, app=case.operation.app)
    twin.validate_response(answer, excluded_checks=[without_token])


def _config(wanted: Round) -> Any:
    told = tomllib.loads(EXPECTATIONS.read_text())
    told["seed"] = wanted.seed
    # How long a busy machine takes to think of a request says nothing about the service.
    told["suppress-health-check"] = ["too_slow"]
    told["cache"] = {"enabled": False}  # a seed alone decides
    told["generation"] |= {"max-examples": wanted.examples, "no-shrink": True, "database": "none"}
    told["phases"] = {
        "coverage": {"enabled": wanted.has_coverage},
        "stateful": {"max-steps": STEPS},
    }
    return schemathesis.Config.from_dict(
        told | {"continue-on-failure": True, "output": {"sanitization": {"enabled": False}}}
    )
