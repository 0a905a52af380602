"""Housekeeping finds what is old by an index: with many millions of rows it stays cheap."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from gatehouse.infra import db
from gatehouse.infra.db import engines
from gatehouse.infra.jobs import measures
from gatehouse.infra.jobs.runner import REGISTRY

Statement = tuple[str, Any]


@pytest.fixture
def statements(app: Flask) -> list[Statement]:
    """Run all housekeeping, and the measures of a scrape, once; return what they asked."""
    seen: list[Statement] = []

    def note(_c: Any, _cursor: Any, asked: str, values: Any, _x: Any, _many: bool) -> None:
        seen.append((asked, values))

    with app.app_context():
        found: set[Engine] = {
            db.sqlalchemy.engine,
            *app.extensions[engines.EXTENSION].values(),
        }
        for engine in found:
            event.listen(engine, "before_cursor_execute", note)
        for _, run in app.extensions[REGISTRY].periodic.values():
            run()
        list(measures.read())
        for engine in found:
            event.remove(engine, "before_cursor_execute", note)
    assert len(seen) >= 10
    return seen


def test_no_housekeeping_reads_a_whole_table(app: Flask, statements: list[Statement]) -> None:
    with app.app_context():
        engine = db.sqlalchemy.engine
    read_whole = []
    for asked, values in statements:
        plan = _plan(engine, asked, values)
        # As for SQLite: "SCAN outbox" without "USING INDEX".
        if "Seq Scan" in plan or any(
            line.startswith("SCAN ") and "USING" not in line for line in plan.splitlines()
        ):
            read_whole.append(f"{asked}\n{plan}")
    assert not read_whole, "\n\n".join(read_whole)


def _plan(engine: Engine, asked: str, values: Any) -> str:
    is_sqlite = engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    with engine.connect() as connection:
        if not is_sqlite:
            # Tables are small here: let the planner show what it can do with large ones.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = connection.exec_driver_sql(explain + asked, values).fetchall()
        connection.rollback()
    return "\n".join(str(row[-1]) for row in rows)
