"""What the service has stored: every cell of every table, and the bytes of SQLite's files."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import inspect, text, update

from gatehouse.infra import db
from gatehouse.settings import settings


def tables(app: Flask) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, also of those that no model knows."""
    with app.app_context():
        names = inspect(db.sqlalchemy.engine).get_table_names()
        return {
            name: [dict(row._mapping) for row in db.reader.rows(text(f'SELECT * FROM "{name}"'))]
            for name in names
        }


def cells(app: Flask) -> Iterator[tuple[str, str]]:
    """Give `table.column` and content of every cell."""
    for table, rows in tables(app).items():
        for row in rows:
            yield from ((f"{table}.{column}", str(value)) for column, value in row.items())


def raw(app: Flask) -> bytes:
    """Return the bytes of SQLite's files, freed pages and log included; none on PostgreSQL."""
    with app.app_context():
        if not db.is_sqlite():
            return b""
        engine, folder = db.sqlalchemy.engine, settings.instance_dir
        name = str(engine.url.database)
    return b"".join(path.read_bytes() for path in folder.glob(f"{name.rpartition('/')[2]}*"))


def account(app: Flask, user_id: str) -> dict[str, Any]:
    """Return the row of an account, deleted or not, as the model reads it."""
    with app.app_context():
        row = db.reader.row(_users().select().where(_users().c.id == UUID(user_id)))
        assert row is not None
        return dict(row._mapping)


def alter(app: Flask, user_id: str, **columns: Any) -> None:
    """Write columns of an account behind the service's back."""
    with app.app_context(), db.unit():
        db.session.execute(update(_users()).where(_users().c.id == UUID(user_id)).values(columns))


def _users() -> Any:
    return db.metadata.tables["users"]
