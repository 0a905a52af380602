"""Fixtures: the service on each database, a client, an administrator, mail, time, and costs."""

import gc
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gatehouse.infra import jobs
from gatehouse.infra.redis import EXTENSION as REDIS
from tests.support import memory, people
from tests.support.answers import InProcess
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.support.counting import Cost, counting
from tests.support.databases import Database, PostgreSql, Sqlite, application
from tests.support.environment import settings
from tests.support.live import Live, Servers
from tests.support.mailbox import Mailbox
from tests.support.reports import sendable

pytest_plugins = ["tests.plugins.backends", "tests.plugins.order"]

MakeApp = Callable[..., Flask]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let a report that quotes hostile text travel between the parallel processes."""
    return sendable((yield))


def pytest_configure(config: pytest.Config) -> None:
    """Explain the marker with which a test changes settings; keep files of tests in memory."""
    if (place := memory.place()) and "TMPDIR" not in os.environ:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)
    config.addinivalue_line(
        "markers", "settings(NAME='value', ...): settings of the `app` fixture for this test"
    )


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported for the tests, which all stays.

    Looking at it again and again, every few requests, took a third of their time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session")
def templates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Database]]:
    """Return the migrated database of a kind, made when it is first wanted."""
    made: dict[str, Database] = {}

    def template(kind: str) -> Database:
        if kind not in made:
            directory = tmp_path_factory.mktemp(f"template-{kind}")
            if kind == Sqlite.name:
                made[kind] = Sqlite(directory)
            else:
                made[kind] = PostgreSql(directory, request.getfixturevalue("postgres_url"))
        return made[kind]

    yield template
    for database in made.values():
        database.close()


@pytest.fixture(params=[Sqlite.name, PostgreSql.name])
def database(request: pytest.FixtureRequest, templates: Callable[[str], Database]) -> Database:
    """Run the test once on each database."""
    return templates(request.param)


@pytest.fixture
def database_url(database: Database, tmp_path: Path) -> Iterator[str]:
    """Return the address of a migrated database of the test's own."""
    with database.copy(tmp_path) as url:
        yield url


@pytest.fixture
def make_app(
    request: pytest.FixtureRequest, database: Database, database_url: str, tmp_path: Path
) -> Iterator[MakeApp]:
    """Return a maker of applications over the test's database, with settings that differ.

    On PostgreSQL they share a Redis, on SQLite they count for themselves.
    """
    shared = {}
    if database.name == PostgreSql.name:
        shared["REDIS_URL"] = request.getfixturevalue("redis_url")
    with ExitStack() as stack:

        def make(**variables: str) -> Flask:
            found = settings(tmp_path, database_url, **{**shared, **variables})
            return stack.enter_context(application(found))

        yield make


@pytest.fixture
def app(request: pytest.FixtureRequest, make_app: MakeApp) -> Flask:
    """Return the service on one of the databases, migrated and empty."""
    variables: dict[str, str] = {}
    for marker in reversed(list(request.node.iter_markers("settings"))):
        variables |= marker.kwargs
    made = make_app(**variables)
    if (client := made.extensions[REDIS]) is not None:
        client.flushdb()
    return made


@pytest.fixture
def client(app: Flask) -> Api:
    """Return a client without a token."""
    return Api(InProcess(app))


@pytest.fixture
def admin(app: Flask, client: Api) -> Person:
    """Return a super_admin who has just logged in, from an address of their own."""
    email, password = people.make_super_admin(app)
    return client.at().log_in(email, password)


@pytest.fixture
def mailbox(app: Flask, tmp_path: Path) -> Mailbox:
    """Return the mail of the service; looking into it sends what is due."""
    return Mailbox(tmp_path, partial(people.in_context, app, jobs.run_due))


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Return the service's clock, which a test may move."""
    with ExitStack() as stack:
        yield Clock(stack)


@pytest.fixture
def counted(app: Flask) -> Callable[[], AbstractContextManager[Cost]]:
    """Return a block that counts what requests cost: `with counted() as cost: ...`."""
    return partial(counting, app)


@pytest.fixture(scope="session")
def servers(
    templates: Callable[[str], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Return the real servers of this process, which run from the first use to the end."""
    with ExitStack() as stack:
        yield Servers(stack, templates, tmp_path_factory)


@pytest.fixture
def live(request: pytest.FixtureRequest, database: Database, servers: Servers) -> Live:
    """Return a real gunicorn: two workers on PostgreSQL with Redis, one on SQLite.

    Tests share it and everything in it, so they look only at people whom they have made.
    """
    shared = {}
    if database.name == PostgreSql.name:
        shared["REDIS_URL"] = request.getfixturevalue("redis_url")
    return servers.get(database.name, **shared)
