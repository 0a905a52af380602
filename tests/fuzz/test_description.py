"""The API description is true (R107): requests made from it are answered as it says."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.test import create_environ

from tests.fuzz import engine
from tests.fuzz.callers import Administrator
from tests.fuzz.engine import Round
from tests.fuzz.existing import Existing
from tests.fuzz.tally import Tally
from tests.fuzz.variations import Sent
from tests.fuzz.varying import Varying
from tests.support.api import Api
from tests.support.databases import Sqlite

# Rounds until 100,000 requests are answered, in parts that parallel processes share.
PARTS = range(4)
REQUESTS = 100_000 // (2 * len(PARTS))

pytestmark = pytest.mark.settings(**engine.SETTINGS)


def expect_truth(tally: Tally) -> None:
    findings = [f"{name}\n{told}" for name, told in tally.findings.items()]
    assert not findings, "\n\n".join(findings)
    assert not tally.of_class(5), tally.statuses
    # An operation that never succeeded was not tried: its answers say little about it.
    assert not tally.never_succeeded(), "\n".join(tally.never_succeeded())


def test_r107_the_description_is_true(app: Flask, database: Any) -> None:
    """The edges of every schema on SQLite; by chance and in chains on both databases."""
    has_coverage = database.name == Sqlite.name
    wanted = Round(examples=4, seed=1, has_coverage=has_coverage, variations=500)
    expect_truth(engine.run(app, wanted))


@pytest.mark.full
@pytest.mark.parametrize("part", PARTS)
def test_r107_the_description_is_true_100_000_times(app: Flask, part: int) -> None:
    tally = Tally()
    for seed in seeds(part):
        tally.add(engine.run(app, Round(examples=40, seed=seed, variations=10_000)))
        if tally.requests >= REQUESTS or tally.findings:
            break
    expect_truth(tally)


def seeds(part: int) -> Iterator[int]:
    yield from range(part * 1000, (part + 1) * 1000)


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_lies_of_the_description_are_found(app: Flask, client: Api) -> None:
    client.request("GET", "/openapi.json").expect(200)  # made once, of the views as they are now
    lies = {
        "health.health": (("Sorry", 500), "GET /health: not_a_server_error"),
        "health.ready": (("<p>yes", 200), "GET /ready: content_type_conformance"),
        "auth.list_sessions": (
            ({"sessions": 1}, 200),
            "GET /api/v1/auth/sessions: response_schema_conformance",
        ),
        "roles.list_permissions": (
            ({"permissions": []}, 200),
            "GET /api/v1/permissions: ignored_auth",
        ),
    }
    for endpoint, (answer, _) in lies.items():
        app.view_functions[endpoint] = lambda answer=answer: answer
    found = engine.run(app, Round(examples=1, seed=1, has_coverage=False)).findings
    for _, finding in lies.values():
        told = [told for name, told in found.items() if name.startswith(finding)]
        assert told, (finding, list(found))
        assert "curl -X GET" in told[0]


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_lies_that_only_variations_bring_to_light_are_found(app: Flask, client: Api) -> None:
    client.request("GET", "/openapi.json").expect(200)
    truth = app.view_functions["roles.list_permissions"]

    def strange_headers_break_it() -> Any:
        if request.headers.get("If-None-Match", '"v1"') != '"v1"':
            return "Sorry", 500
        return truth()

    app.view_functions["roles.list_permissions"] = strange_headers_break_it
    app.view_functions["auth.list_sessions"] = lambda: {"sessions": []}
    tally, admin = Tally(), Administrator(app, client)
    varying = Varying(app, tally, Random(1))
    for path in ("/api/v1/permissions", "/api/v1/auth/sessions"):
        varying.keep(Sent.of(f"GET {path}", create_environ(path, "http://127.0.0.1:8000")), 200)
    varying.run(800, admin, Existing(app, client, admin))
    broken, open_one = "GET /api/v1/permissions: varied ", "GET /api/v1/auth/sessions: varied "
    assert {name for name in tally.findings if "permissions" in name} == {broken + "header"}
    assert "500" in tally.findings[broken + "header"]
    assert "without a log-in" in tally.findings[open_one + "query"]
