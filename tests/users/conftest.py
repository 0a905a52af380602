"""The whole application on either database, and people to use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from flask import Flask

from gatehouse import create_app, roles
from gatehouse.infra import db, engines, keys
from gatehouse.settings import Settings
from tests.users.people import People

MakeApp = Callable[..., Flask]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeApp]:
    """Make the application on a database of its own; settings come as variables."""
    with ExitStack() as stack:

        def make(**variables: str) -> Flask:
            environ = {
                "INSTANCE_DIR": str(tmp_path / "instance"),
                "BCRYPT_ROUNDS": "4",
                "JOBS": "off",
                "LOG_LEVEL": "WARNING",
            }
            if request.param == "postgresql":
                server = request.getfixturevalue("postgres_url")
                environ["DATABASE_URL"] = stack.enter_context(_database(server))
            app = create_app(Settings.load({**environ, **variables}, env_file=None))
            with app.app_context():
                db.metadata.create_all(db.sqlalchemy.engine)
                with db.unit():
                    roles.ensure_built_in()
                keys.ensure()
            stack.callback(_close, app)
            return app

        yield make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The application with its default settings."""
    return make_app()


@pytest.fixture
def people(app: Flask) -> People:
    """The people of that application."""
    return People(app)


class _database:  # noqa: N801 - a context manager that reads as a word
    """A PostgreSQL database for one test."""

    def __init__(self, server: str) -> None:
        self.server, self.name = server, f"gatehouse_{uuid4().hex}"

    def __enter__(self) -> str:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.name}")
        return f"{self.server.rpartition('/')[0]}/{self.name}"

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def _close(app: Flask) -> None:
    with app.app_context():
        db.sqlalchemy.engine.dispose()
    engines.dispose(app)
