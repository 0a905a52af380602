"""F2: a PostgreSQL that does not answer costs a time-out once, and is taken back by itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import String, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from gatehouse.infra import db
from gatehouse.infra.db import postgresql
from gatehouse.infra.threads import NEAR_SECONDS
from tests.infra.faults import FaultyProxy

MakeApp = Callable[..., Flask]

PATIENCE = 1 + postgresql.MARGIN_SECONDS
THREADS = 12


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[FaultyProxy]:
    """A proxy in front of PostgreSQL."""
    place = urlsplit(postgres_url)
    with FaultyProxy(place.hostname or "", place.port or 5432) as proxy:
        yield proxy


@pytest.fixture
def app(proxy: FaultyProxy, postgres_url: str, make_infra_app: MakeApp) -> Flask:
    """An application that reaches PostgreSQL through the proxy."""
    place = urlsplit(postgres_url)
    url = place._replace(netloc=f"{place.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
    return make_infra_app(DATABASE_URL=url, DB_STATEMENT_TIMEOUT_SECONDS="1", THREADS=str(THREADS))


def ask(app: Flask) -> bool:
    """Ask the database something; tell whether it answered."""
    with app.app_context():
        try:
            return bool(db.reader.scalar(text("SELECT true")))
        except (OperationalError, NoConnectionFree):
            return False


def write(app: Flask) -> bool:
    """Begin a unit of work; tell whether the database answered."""
    with app.app_context():
        try:
            with db.unit():
                return bool(db.session.scalar(text("SELECT true")))
        except (OperationalError, NoConnectionFree):
            return False


def timed(use: Callable[[Flask], bool], app: Flask) -> float:
    """Return how long a use took that had to fail."""
    began = time.monotonic()
    assert not use(app)
    return time.monotonic() - began


@pytest.mark.parametrize("use", [ask, write])
def test_f2_what_hangs_is_given_up_and_everybody_else_is_told_at_once(
    app: Flask, proxy: FaultyProxy, use: Callable[[Flask], bool]
) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(use, [app] * THREADS * 3))
        proxy.mode = "hang"
        # A writer's thread waits for a connection of its pool before that.
        assert max(pool.map(lambda _: timed(use, app), range(THREADS))) < PATIENCE + 1.5
        time.sleep(postgresql.PAUSE_SECONDS * 1.5)
        # One of them tries to connect, and holds nobody else up.
        seconds = sorted(pool.map(lambda _: timed(use, app), range(THREADS)))
        assert seconds[-2] < postgresql.CONNECT_SECONDS - 0.5
        assert seconds[-1] < postgresql.CONNECT_SECONDS + 0.5
        proxy.accept()
        healed = time.monotonic()
        while not use(app):
            time.sleep(0.05)
        assert time.monotonic() - healed < 1.5
        assert all(pool.map(use, [app] * THREADS * 3))


def test_a_far_database_is_far_whatever_asks_it_nothing(app: Flask, proxy: FaultyProxy) -> None:
    """Much that the driver does, as the end of a transaction that never began, asks nobody."""
    proxy.delay_seconds = 3 * NEAR_SECONDS
    statement = db.Prepared(select(db.parameter("name", String())))
    with app.app_context():
        for _ in range(5):
            assert ask(app)
            assert write(app)
            assert db.reader.tuples(statement, {"name": "x"}) == [("x",)]
        connection = db.reader.engine.raw_connection()
        driver: Any = connection.dbapi_connection
        assert not driver.door.asking.is_near
        connection.close()


def test_f1_dropped_connections_are_replaced_unnoticed(app: Flask, proxy: FaultyProxy) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for use in (ask, write):
            assert all(pool.map(use, [app] * THREADS))
            proxy.refuse()
            proxy.accept()
            assert all(use(app) for _ in range(THREADS))


def test_what_runs_too_long_is_ended_by_the_server_and_the_connection_stays(app: Flask) -> None:
    with app.app_context():
        backend = db.reader.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(OperationalError, match="statement timeout"):
            db.reader.rows(text("SELECT pg_sleep(5)"))
        assert db.reader.scalar(text("SELECT pg_backend_pid()")) == backend


def test_a_command_may_take_longer_than_a_request(app: Flask) -> None:
    with app.app_context(), db.reader.engine.connect() as connection:
        db.patient(connection)
        connection.execute(text(f"SELECT pg_sleep({PATIENCE + 0.3})"))
    with app.app_context(), db.unit():
        db.patient(db.session.connection(), seconds=2)
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.execute(text("SELECT pg_sleep(5)"))
    with app.app_context():
        assert db.reader.scalar(text("SHOW statement_timeout")) == "1s"
