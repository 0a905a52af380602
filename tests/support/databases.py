"""A database for each test: a copy of one that was migrated once a process."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from flask import Flask
from flask_migrate import upgrade
from psycopg import sql
from sqlalchemy import make_url

from gatehouse import cli, create_app, roles
from gatehouse.infra import db, engines, jobs, keys, redis
from gatehouse.settings import Settings
from tests.support.environment import settings

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class Sqlite:
    """SQLite: the template is a file, and a test gets a copy of it."""

    name = "sqlite"

    def __init__(self, directory: Path) -> None:
        self._template = directory / "template.db"
        build(settings(directory, _file(self._template)))

    @contextmanager
    def copy(self, directory: Path) -> Iterator[str]:
        """Give the URL of a database of one's own."""
        path = directory / "gatehouse.db"
        shutil.copyfile(self._template, path)
        yield _file(path)

    def close(self) -> None:
        """Leave the file to the directory it lies in."""


class PostgreSql:
    """PostgreSQL: the template is a database, and a test gets a copy made by the server."""

    name = "postgresql"

    def __init__(self, directory: Path, server_url: str) -> None:
        self._server = make_url(server_url)
        self._template = f"gatehouse_template_{uuid4().hex[:12]}"
        self._execute("CREATE DATABASE {}", self._template)
        build(settings(directory, self._url(self._template)))

    @contextmanager
    def copy(self, _directory: Path) -> Iterator[str]:
        """Give the URL of a database of one's own."""
        name = f"gatehouse_test_{uuid4().hex[:12]}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        try:
            yield self._url(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Remove the template."""
        self._execute("DROP DATABASE {} WITH (FORCE)", self._template)

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str, *names: str) -> None:
        url = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def build(found: Settings) -> None:
    """Bring an empty database to the newest revision, with built-in roles and a signing key."""
    with application(found) as app, app.app_context():
        upgrade(directory=str(MIGRATIONS))
        with db.unit():
            roles.ensure_built_in()
        keys.ensure()


@contextmanager
def application(found: Settings) -> Iterator[Flask]:
    """Make the application, and close what it opened."""
    app = create_app(found)
    cli.install(app)
    try:
        yield app
    finally:
        close(app)


def close(app: Flask) -> None:
    """Close every connection of an application."""
    jobs.stop_thread(app)
    engines.dispose(app)
    with app.app_context():
        db.sqlalchemy.engine.dispose()
        client = redis.client()
    if client is not None:
        client.connection_pool.disconnect()


def _file(path: Path) -> str:
    return f"sqlite:///{path}"


Database = Sqlite | PostgreSql
