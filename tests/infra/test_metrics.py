"""Metrics: off without a token, right with one, over all processes, and cheap."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import EnvironBuilder

from gatehouse import create_app
from gatehouse.infra import db, hashing, jobs, metrics
from gatehouse.infra.metrics import asked
from gatehouse.settings import Settings
from tests.servers.server import ROOT
from tests.support import race
from tests.support.answers import InProcess
from tests.support.api import Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.scraped import ON, TOKEN, Scrape, scrape, wait_for

measured = pytest.mark.settings(**ON)
WRONG = "a wrong Password of tests"


def test_r106_without_a_token_there_are_no_metrics(client: Api) -> None:
    for one in (client, client.bearing(TOKEN), client.bearing("")):
        absent = one.request("GET", "/no-such-path").expect(404).json
        there = one.request("GET", "/metrics").expect(404).json
        assert {**there, "instance": ""} == {**absent, "instance": ""}


@measured
def test_r106_metrics_are_for_the_holder_of_the_token(client: Api, admin: Person) -> None:
    answer = client.request("GET", "/metrics").expect(401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for wrong in ("x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", "\udc80"):
        sent = f"Bearer {wrong}".encode("utf-8", "surrogateescape").decode("latin-1")
        client.request("GET", "/metrics", headers={"Authorization": sent}).expect(401)
    admin.request("GET", "/metrics").expect(401, "invalid_token")
    answer = client.bearing(TOKEN).request("GET", "/metrics").expect(200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_without_a_token_the_library_is_not_loaded(tmp_path: Path) -> None:
    program = """
import sys, gatehouse
gatehouse.create_app()
print("prometheus_client" in sys.modules)
"""
    for token, expected in (("", "False"), (TOKEN, "True")):
        environ = {"PYTHONPATH": str(ROOT / "src"), "INSTANCE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**environ, **({"METRICS_TOKEN": token} if token else {})},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


@measured
def test_requests_are_counted_by_their_rule_and_nothing_that_a_client_chose(client: Api) -> None:
    before = scrape(client)
    person = client.sign_up()
    person.get(f"/users/{person.id}").expect(200)
    for path in ("/no-such-path", "/api/v1/users/no-uuid", f"/{new_email()}", "/metrics/x"):
        client.request("GET", path)
    client.request("PROPFIND", "/api/v1/users")
    client.request("BREW", "/health")

    found = scrape(client)

    one = {"method": "GET", "endpoint": "/api/v1/users/<uuid:user_id>"}
    assert rise(before, found, "api_requests_total", status="200", **one) == 1
    assert rise(before, found, "api_request_duration_seconds_count", **one) == 1
    assert 0 < rise(before, found, "api_request_duration_seconds_sum", **one) < 10
    assert rise(before, found, "api_requests_total", endpoint="unknown", method="GET") == 4
    assert found.total("api_requests_total", method="other") == 2
    assert "PROPFIND" not in found.text
    for chosen in (person.id, person.email, client.address, "no-such-path"):
        assert chosen not in found.text
    assert found.labels("api_requests_total", "endpoint") <= {
        "unknown",
        *(rule.rule for rule in client.transport.app.url_map.iter_rules()),  # type: ignore[attr-defined]
    }


@measured
def test_log_ins_are_counted_by_outcome_and_locks_and_limits(client: Api) -> None:
    person, name = client.sign_up(), new_email()
    before = scrape(client)
    client.at().try_log_in(person.email).expect(200)
    client.at().try_grant(person.email).expect(200)
    for _ in range(10):
        client.at().try_log_in(name, WRONG).expect(401)
    client.at().try_log_in(name, WRONG).expect(429, "too_many_attempts")
    here = client.at()
    for _ in range(70):
        if here.post("/users", {}).status == 429:
            break

    found = scrape(client)

    assert rise(before, found, "gatehouse_logins_total", outcome="succeeded") == 2
    assert rise(before, found, "gatehouse_logins_total", outcome="invalid_credentials") == 10
    assert rise(before, found, "gatehouse_logins_total", outcome="too_many_attempts") == 1
    assert rise(before, found, "gatehouse_account_locks_total") == 1
    assert rise(before, found, "gatehouse_limits_hit_total", limit="sign_up") == 1
    assert found.total("gatehouse_hash_queue") == 0
    assert found.total("gatehouse_hash_refused_total") == 0


@pytest.mark.settings(THREADS="4", **ON)
def test_a_hash_that_is_refused_is_counted_once(app: Flask, client: Api) -> None:
    """Also where a guess goes on beside another of its name, and comes to a queue that is full."""
    pool = app.extensions[hashing.EXTENSION].pool
    there, go, gate = threading.Event(), threading.Event(), threading.Event()

    def guess() -> None:
        with app.app_context(), hashing.queued("one"):
            there.set()
            assert go.wait(10)
            hashing.verify_password("a wrong Password", None)

    with pool.place("one"), ThreadPoolExecutor(2) as others, ExitStack() as stack:
        stack.callback(gate.set)
        guessing = others.submit(guess)
        assert there.wait(10)
        others.submit(pool.run, partial(gate.wait, 10))
        while pool.pending != 2:
            time.sleep(0.001)
        before = scrape(client)
        go.set()
        with pytest.raises(hashing.HashQueueFull):
            guessing.result(10)
    assert rise(before, scrape(client), "gatehouse_hash_refused_total") == 1


@measured
def test_r50_forwarded_headers_of_strangers_are_counted(client: Api) -> None:
    before = scrape(client)
    for _ in range(3):
        client.request("GET", "/health", headers={"X-Forwarded-For": "203.0.113.9"}).expect(200)
    found = scrape(client)
    assert rise(before, found, "gatehouse_forwarded_headers_ignored_total") == 3
    assert "203.0.113.9" not in found.text


@measured
def test_the_cache_is_counted(client: Api, admin: Person) -> None:
    for _ in range(3):
        admin.get("/permissions").expect(200)
        admin.get("/users?total=true").expect(200)
    found = scrape(client)
    for space in ("permissions", "totals"):
        count = {"space": space}
        assert found.total("gatehouse_cache_requests_total", outcome="miss", **count) == 1
        assert found.total("gatehouse_cache_requests_total", outcome="hit", **count) == 2


@measured
def test_pools_tell_what_they_hold_and_may(app: Flask, client: Api) -> None:
    with app.app_context(), db.reader.engine.connect(), db.sqlalchemy.engine.connect():
        found = scrape(client)
    assert found.total("gatehouse_db_connections_in_use", pool="reader") == 1
    assert found.total("gatehouse_db_connections_in_use", pool="writer") == 1
    assert found.total("gatehouse_db_connections_max", pool="reader") == 8
    assert found.labels("gatehouse_db_connections_max", "pool") == {"reader", "writer"}


@measured
def test_the_outbox_tells_its_depth_and_its_age(app: Flask, client: Api, clock: Clock) -> None:
    clock.stop()
    assert_age(client, 0)
    with app.app_context(), db.unit():
        jobs.enqueue("a.kind", {})
        jobs.enqueue("a.kind", {}, delay=timedelta(hours=1))
    clock.forward(minutes=10)
    assert_age(client, 600)
    with app.app_context(), db.unit():
        db.session.execute(text("UPDATE outbox SET state = 'parked'"))
    found = scrape(client)
    assert found.total("gatehouse_outbox_entries", state="parked") == 2
    assert found.total("gatehouse_outbox_entries") == 2
    assert found.total("gatehouse_scrape_errors") == 0


def assert_age(client: Api, seconds: float) -> None:
    assert scrape(client).total("gatehouse_outbox_oldest_seconds") == pytest.approx(seconds, abs=2)


@measured
def test_a_database_that_is_away_costs_only_its_own_gauges(app: Flask, client: Api) -> None:
    with app.app_context(), db.sqlalchemy.engine.begin() as connection:
        connection.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
    begun = time.monotonic()
    found = scrape(client)
    assert time.monotonic() - begun < 8
    assert found.total("gatehouse_scrape_errors", source="outbox") == 1
    assert not found.labels("gatehouse_outbox_entries", "state")
    assert found.total("gatehouse_workers") == 1


def test_a_source_that_hangs_holds_up_no_scrape(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "LONGEST_SECONDS", 0.2)
    app, gate = make_app(**ON), threading.Event()
    gauge = metrics.Gauge("gatehouse_test", "A gauge.")

    def hang() -> list[metrics.Reading]:
        gate.wait(20)
        return [metrics.Reading(gauge, 7)]

    metrics.of(app).ask("slow", [gauge], hang)
    client = Api(InProcess(app))
    for _ in range(5):
        found = scrape(client)
        assert found.total("gatehouse_scrape_errors", source="slow") == 1
        assert found.total("gatehouse_scrape_errors", source="outbox") == 0
    assert [thread.name for thread in threading.enumerate()].count("ask-slow") == 1
    gate.set()
    assert wait_for(lambda: scrape(client).total("gatehouse_test"), 7)


def test_scrapes_at_once_share_an_answer(make_app: Callable[..., Flask]) -> None:
    app, gauge, asked = make_app(**ON), metrics.Gauge("gatehouse_test", "A gauge."), []

    def slow() -> list[metrics.Reading]:
        asked.append(gauge)
        time.sleep(0.3)
        return [metrics.Reading(gauge, 7)]

    metrics.of(app).ask("slow", [gauge], slow)
    client = Api(InProcess(app))
    for found in race.at_once([partial(scrape, client) for _ in range(3)]):
        assert found.total("gatehouse_scrape_errors") == 0
        assert found.total("gatehouse_test") == 7
    assert len(asked) < 3


@pytest.mark.settings(TRUSTED_HOSTS="accounts.example.org", **ON)
def test_prometheus_asks_by_address(client: Api) -> None:
    scrape(client)
    named = {"Authorization": f"Bearer {TOKEN}", "Host": "stranger.example.org"}
    client.request("GET", "/metrics", headers=named).expect(400, "untrusted_host")
    client.get("/users/me").expect(400, "untrusted_host")


def rise(before: Scrape, after: Scrape, name: str, **labels: str) -> float:
    return after.total(name, **labels) - before.total(name, **labels)


def test_counting_costs_a_request_a_few_microseconds(tmp_path: Path) -> None:
    """On and off by turns, in the processor time of this thread; the least of many rounds."""
    environ = EnvironBuilder("/health").get_environ()

    def application(**variables: str) -> Flask:
        quiet = {"INSTANCE_DIR": str(tmp_path), "LOG_LEVEL": "WARNING"}
        return create_app(Settings.load({**quiet, **variables}))

    def microseconds(app: Flask) -> float:
        begun = time.thread_time_ns()
        for _ in range(200):
            list(app({**environ}, lambda *_: None))
        return (time.thread_time_ns() - begun) / 200_000

    on, off = application(**ON), application()
    gc.disable()
    try:
        rounds = [(microseconds(on), microseconds(off)) for _ in range(50)]
    finally:
        gc.enable()
    least = [min(column) for column in zip(*rounds, strict=True)]
    typical = median(more - less for more, less in rounds)
    # Ten on a machine that does nothing else; on a slower one in the same proportion.
    assert min(least[0] - least[1], typical) < max(10, least[1] / 8), (least, typical)
