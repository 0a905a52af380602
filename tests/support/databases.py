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
from gatehouse.infra import db, jobs, keys, redis
from gatehouse.infra.db import engines
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
    """PostgreSQL: the template is a database, and a test gets a copy made by the server.

    A copy that was only written to is emptied and used again, which takes a tenth of the time;
    one whose schema or settings a test has changed is thrown away.
    """

    name = "postgresql"

    def __init__(self, directory: Path, server_url: str) -> None:
        self._server = make_url(server_url)
        self._template = f"gatehouse_template_{uuid4().hex[:12]}"
        self._clean: list[str] = []
        self._execute("CREATE DATABASE {}", self._template)
        build(settings(directory, self._url(self._template)))
        with self._connect(self._template) as connection:
            self._schema = connection.execute(SCHEMA).fetchone()
            names = [str(name) for (name,) in connection.execute(TABLES)]
            self._restore = restoring(connection, names)

    @contextmanager
    def copy(self, _directory: Path) -> Iterator[str]:
        """Give the URL of a database of one's own."""
        if self._clean:
            name = self._clean.pop()
        else:
            name = f"gatehouse_test_{uuid4().hex[:12]}"
            self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        try:
            yield self._url(name)
        finally:
            if self._empty(name):
                self._clean.append(name)
            else:
                self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Remove the template and the copies."""
        for name in (*self._clean, self._template):
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _empty(self, name: str) -> bool:
        """Make a copy what the template is; False where that is not to be had."""
        try:
            with self._connect(name) as connection:
                connection.execute(END_OTHERS)
                if connection.execute(SCHEMA).fetchone() != self._schema:
                    return False
                connection.execute(self._restore)
        except psycopg.Error:
            return False
        return True

    def _connect(self, name: str) -> "psycopg.Connection[tuple[object, ...]]":
        url = self._server.set(drivername="postgresql", database=name)
        return psycopg.connect(
            url.render_as_string(hide_password=False), options="-c lock_timeout=2000"
        )

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str, *names: str) -> None:
        url = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(named(statement, *names))


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
# What a migration, a trigger or ALTER DATABASE would leave behind.
SCHEMA = """
    SELECT (SELECT md5(string_agg(c.relname || ' ' || a.attname || ' ' || a.atttypid
                                  || a.attnotnull, ',' ORDER BY c.relname, a.attnum))
              FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0),
           (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
           (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
             WHERE d.datname = current_database())
"""
END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def named(statement: str, *names: str) -> sql.Composed:
    """Return a statement with identifiers in the places of its braces."""
    return sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]


def restoring(
    connection: "psycopg.Connection[tuple[object, ...]]", tables: list[str]
) -> sql.Composed:
    """Return the one text of statements that makes every table what it is now."""
    # References are not looked at: every table becomes what it was.
    steps = [sql.SQL("SET LOCAL session_replication_role = replica").format()]
    for table in tables:
        steps.append(named("DELETE FROM {}", table))
        row = connection.execute(named("SELECT json_agg(one)::text FROM {} one", table)).fetchone()
        if row is not None and row[0] is not None:
            insert = "INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, "
            steps.append(named(insert, table) + sql.Literal(row[0]) + sql.SQL(")"))
    return sql.SQL("; ").join(steps)


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
