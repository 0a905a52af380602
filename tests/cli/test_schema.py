"""`flask db downgrade` asks first, like every command that ends something."""

from flask import Flask
from sqlalchemy import inspect

from gatehouse.infra import db
from tests.cli.commands import run


def tables(app: Flask) -> set[str]:
    with app.app_context(), db.reader.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_a_migration_is_not_taken_back_unasked(app: Flask) -> None:
    before = tables(app)
    run(app, "db", "downgrade", "base").expect(2, "--yes")
    assert tables(app) == before
    run(app, "db", "downgrade", "base", "--yes").expect()
    assert tables(app) == {"alembic_version"}
    run(app, "db", "upgrade").expect()
    assert tables(app) == before


def test_what_is_only_printed_needs_no_answer(app: Flask) -> None:
    before = tables(app)
    if not app.config["SETTINGS"].is_sqlite:
        run(app, "db", "downgrade", "--sql", "head:base").expect(0, "DROP TABLE")
    assert tables(app) == before
