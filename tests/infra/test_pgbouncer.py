"""The service behind a real PgBouncer in transaction mode, as docs/deploying.md sets it up."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, make_url, select, text

from gatehouse.cli.doctor import connections, pooler
from gatehouse.cli.doctor.finding import State
from gatehouse.infra import db
from tests.docs.pages import DOCS, blocks
from tests.infra import pgbouncer
from tests.support import live
from tests.support.api import Person
from tests.support.databases import Database, PostgreSql, application
from tests.support.environment import settings

CLIENTS, ROUNDS = 12, 8
BLOCKS = [one.text for one in blocks((DOCS / "deploying.md").read_text())]
(LINE,) = (text.strip() for text in BLOCKS if "ignore_startup_parameters" in text)
(DEFAULTS,) = (text for text in BLOCKS if "ALTER DATABASE" in text)
pytestmark = pytest.mark.full


@pytest.fixture
def database_url(templates: Callable[[str], Database], tmp_path: Path) -> Iterator[str]:
    """A migrated database, asked directly."""
    with templates(PostgreSql.name).copy(tmp_path) as url:
        yield url


def connected(database_url: str) -> psycopg.Connection[Any]:
    """Return a connection of the driver's own."""
    url = make_url(database_url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def give_defaults(database_url: str) -> None:
    """Do with this database what the page says."""
    name = make_url(database_url).database
    with connected(database_url) as connection:
        for statement in DEFAULTS.replace("DATABASE gatehouse", f"DATABASE {name}").split(";"):
            if statement.strip():
                connection.execute(statement.encode())


def in_berlin(database_url: str) -> None:
    """Let the sessions of this database begin in another zone than UTC."""
    with connected(database_url) as connection:
        name = make_url(database_url).database
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Europe/Berlin'".encode())


def live_through(person: Person) -> None:
    """What somebody does, often enough that psycopg would prepare each of its statements."""
    for number in range(ROUNDS):
        assert person.me()["email"] == person.email
        name = f"Name {number}"
        assert person.patch("/users/me", {"name": name}).expect(200).json["name"] == name
        person = person.refreshed()
        person.get("/auth/sessions").expect(200)
    person.post("/auth/logout").expect(204)
    assert not person.is_in()


def test_people_live_behind_a_pooler(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """Three sessions of PostgreSQL for two processes; no statement is prepared in the wrong one."""
    give_defaults(database_url)
    in_berlin(database_url)
    with ExitStack() as stack:
        url = pgbouncer.start(stack, database_url, line=LINE)
        server = live.start(tmp_path, url, stack, WORKERS="2", THREADS="12", REDIS_URL=redis_url)
        people = [server.client.sign_up() for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(live_through, people))
        listed = server.admin().get("/users?per_page=100&total=true").expect(200).json
        assert listed["total"] == CLIENTS + 1
        assert all(user["created_at"].endswith("Z") for user in listed["users"])
        mail = [server.mailbox().token(person.email) for person in people]
        assert len(set(mail)) == CLIENTS
        with server.app.app_context():
            assert db.reader.scalar(text("SHOW statement_timeout")) == "2s"
            assert [one.state for one in pooler.findings()] == [State.FINE]
            assert list(connections.findings()) == []


def test_doctor_tells_when_the_time_outs_do_not_arrive(database_url: str, tmp_path: Path) -> None:
    """Nothing else would: without them a hanging statement holds a session for ever."""
    with ExitStack() as stack:
        url = pgbouncer.start(stack, database_url, line=LINE)
        app = stack.enter_context(application(settings(tmp_path, url)))
        with app.app_context():
            (found,) = pooler.findings()
            assert "statement_timeout, lock_timeout" in found.said
    app = settings(tmp_path, database_url)
    with application(app) as direct, direct.app_context():
        assert list(pooler.findings()) == []


def test_times_are_in_utc(database_url: str, tmp_path: Path) -> None:
    """Whatever the zone of the database, and through whichever session of the pooler."""
    in_berlin(database_url)
    with ExitStack() as stack:
        url = pgbouncer.start(stack, database_url, line=LINE)
        for one in (database_url, url):
            app = stack.enter_context(application(settings(tmp_path, one)))

            def zone(_: int, app: Flask = app) -> Any:
                with app.app_context(), db.reader.engine.connect() as connection:
                    connection.execute(text("SELECT pg_sleep(0.05)"))
                    return connection.scalar(select(func.now())).tzinfo

            with ThreadPoolExecutor(CLIENTS) as pool:
                assert set(pool.map(zone, range(CLIENTS * 3))) == {UTC}


def test_without_a_pooler_statements_are_prepared(database_url: str, tmp_path: Path) -> None:
    with application(settings(tmp_path, database_url)) as app, app.app_context():
        for _ in range(ROUNDS):
            db.reader.scalar(text("SELECT 1"))
        prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'"
        assert db.reader.scalar(text(prepared)) == 1
