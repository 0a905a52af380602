"""Migrations: up, down and up again on both databases, and what they make is what models say."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import inspect, make_url, select, text

from gatehouse.infra import db
from gatehouse.roles import BUILT_IN, Role, ensure_built_in
from tests.cli.commands import Outcome, program, run

SQLITE_INDEXES = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
POSTGRESQL_INDEXES = "SELECT indexdef AS sql FROM pg_indexes WHERE schemaname = 'public'"


@pytest.fixture
def empty(app: Flask) -> Flask:
    """Return the service on a database from which all tables were taken by the way back."""
    run(app, "db", "downgrade", "base", "--yes").expect()
    return app


def schema(app: Flask) -> dict[str, Any]:
    """Return everything that the database says about the tables, by name."""
    with app.app_context():
        found = inspect(db.sqlalchemy.engine)
        names = sorted(set(found.get_table_names()) - {"alembic_version"})
        tables: dict[str, Any] = {}
        for name in names:
            columns = {
                column["name"]: (
                    repr(column["type"]),
                    column["nullable"],
                    _default(column["default"]),
                )
                for column in found.get_columns(name)
            }
            tables[name] = {
                "columns": columns,
                "key": found.get_pk_constraint(name)["name"],
                "foreign": sorted(map(repr, found.get_foreign_keys(name))),
                "unique": sorted(map(repr, found.get_unique_constraints(name))),
                "checks": sorted(one["name"] or "" for one in found.get_check_constraints(name)),
                "indexes": sorted(one["name"] or "" for one in found.get_indexes(name)),
            }
        rows = db.reader.rows(text(SQLITE_INDEXES if db.is_sqlite() else POSTGRESQL_INDEXES))
        tables["statements"] = sorted(row.sql for row in rows if "alembic" not in row.sql)
        return tables


def _default(given: str | None) -> str | None:
    return given and given.strip("()").lower().replace("true", "1").replace("false", "0")


def test_up_down_and_up_again(empty: Flask) -> None:
    with empty.app_context():
        left = set(inspect(db.sqlalchemy.engine).get_table_names())
    assert left <= {"alembic_version"}
    for words in (["upgrade"], ["downgrade", "--yes"], ["upgrade"], ["upgrade"]):
        run(empty, "db", *words).expect()
    run(empty, "db", "check").expect()


def test_each_revision_can_go_back_and_forth(app: Flask) -> None:
    """Also one at a time, with people in the tables."""
    run(app, "seed", "--users", "20").expect()
    run(app, "db", "downgrade", "--yes").expect()
    run(app, "db", "upgrade").expect()
    run(app, "db", "check").expect()


def test_nothing_is_left_to_be_detected(app: Flask) -> None:
    """`flask db check` is clean, and would not be if a column were missing."""
    run(app, "db", "check").expect()
    with app.app_context(), db.unit():
        db.session.execute(text("ALTER TABLE outbox DROP COLUMN last_error"))
    outcome = run(app, "db", "check")
    assert outcome.code == 1


def test_the_schema_is_what_the_models_say(empty: Flask) -> None:
    """Names, types, collations, defaults, conditions of indexes: what `check` does not compare."""
    run(empty, "db", "upgrade").expect()
    migrated = schema(empty)
    with empty.app_context():
        db.metadata.drop_all(db.sqlalchemy.engine)
        db.metadata.create_all(db.sqlalchemy.engine)
    assert migrated == schema(empty)
    assert "users" in migrated


def test_built_in_roles_come_with_the_schema(empty: Flask) -> None:
    """`flask db upgrade` leaves nothing to do, and the code agrees with what it wrote."""
    run(empty, "db", "upgrade").expect()
    with empty.app_context():
        columns = (Role.name, Role.description, Role.permissions, Role.is_built_in, Role.version)
        before = db.reader.rows(select(*columns).order_by(Role.name))
        with db.unit():
            ensure_built_in()
        assert db.reader.rows(select(*columns).order_by(Role.name)) == before
    assert {row.name: (row.description, tuple(row.permissions)) for row in before} == BUILT_IN
    assert all(row.is_built_in for row in before)


def test_from_any_directory_and_quietly(database_url: str, tmp_path: Path) -> None:
    program(tmp_path, database_url, "db", "current").expect(0, "(head)")
    outcome = program(tmp_path, database_url, "db", "upgrade", LOG_LEVEL="INFO")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    outcome = program(tmp_path, database_url, "db", "downgrade", "--yes", LOG_LEVEL="INFO")
    assert (outcome.code, outcome.out) == (0, "")
    assert [line.count("migrated") for line in outcome.err.splitlines()] == [1]


def test_statements_can_be_printed(database_url: str, tmp_path: Path) -> None:
    printed = program(tmp_path, database_url, "db", "upgrade", "--sql").expect().out
    assert "CREATE TABLE users" in printed
    assert "WHERE deleted_at IS NULL" in printed
    assert printed.count("INSERT INTO roles") == 3


def test_a_second_migration_waits_for_the_first(
    empty: Flask, database_url: str, tmp_path: Path
) -> None:
    """Two machines that start at the same moment: one migrates, the other finds it done."""
    outcomes: list[Outcome] = []

    def migrate() -> None:
        outcomes.append(program(tmp_path, database_url, "db", "upgrade"))

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.code for outcome in outcomes] == [0, 0, 0], outcomes
    run(empty, "db", "check").expect()


@contextmanager
def reading(dsn: str, *, password: str | None) -> Iterator[list[float]]:
    """Read as every request does, again and again; give for how long each took, in seconds."""
    waits: list[float] = []
    is_over = threading.Event()

    def read() -> None:
        with psycopg.connect(dsn, password=password, autocommit=True) as connection:
            while not is_over.wait(0.02):
                began = time.monotonic()
                connection.execute("SELECT * FROM sessions JOIN users ON users.id = user_id")
                waits.append(time.monotonic() - began)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()


def test_a_live_table_is_not_made_to_wait(app: Flask, database_url: str) -> None:
    """F14: a lock that is not free in two seconds is given up, and nothing has changed."""
    if app.config["SETTINGS"].is_sqlite:
        pytest.skip("SQLite has one writer at a time, which nothing else waits for")
    url = make_url(database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        connection.execute("SELECT count(*) FROM users")
        start = time.monotonic()
        with reading(connection.info.dsn, password=url.password) as waits:
            outcome = run(app, "db", "downgrade", "--yes")
        assert time.monotonic() - start < 10
    assert outcome.code == 1
    assert len(waits) > 10
    assert max(waits) < 0.5
    run(app, "db", "check").expect()
    run(app, "db", "downgrade", "--yes").expect()


def test_an_index_waits_for_a_dump(app: Flask, database_url: str) -> None:
    """F14: whoever reads for long is waited for, longer than for any lock that holds others up."""
    if app.config["SETTINGS"].is_sqlite:
        pytest.skip("SQLite has one writer at a time, which nothing else waits for")
    run(app, "db", "downgrade", "0004_idempotency_keys", "--yes").expect()
    url = make_url(database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as dump:
        dump.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        dump.execute("SELECT count(*) FROM users")
        timer = threading.Timer(3.0, dump.commit)
        timer.start()
        run(app, "db", "upgrade").expect()
        timer.join()
    run(app, "db", "check").expect()


def test_an_index_that_an_interrupted_run_left_is_made_anew(app: Flask) -> None:
    """F14: what was made concurrently stays when the migration does not come to its end."""
    if app.config["SETTINGS"].is_sqlite:
        pytest.skip("SQLite migrates in one transaction")
    whole = schema(app)
    run(app, "db", "downgrade", "0004_idempotency_keys", "--yes").expect()
    with app.app_context(), db.unit():
        db.session.execute(text("CREATE INDEX ix_outbox_done ON outbox (attempts)"))
    run(app, "db", "upgrade").expect()
    assert schema(app) == whole


def test_a_database_that_is_away_is_a_line(tmp_path: Path) -> None:
    outcome = program(tmp_path, "postgresql://nobody@127.0.0.1:1/none", "db", "upgrade")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert len(outcome.err.splitlines()) == 1
