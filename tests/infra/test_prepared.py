"""Prepared statements answer what SQLAlchemy would: values, errors, lost connections."""

import socket
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import (
    JSON,
    Select,
    String,
    cast,
    column,
    create_engine,
    func,
    literal,
    null,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import MACADDR
from sqlalchemy.exc import DBAPIError, OperationalError

from gatehouse.core.ids import new_id
from gatehouse.infra import db
from gatehouse.infra.db import engines
from tests.infra.conftest import MakeApp

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
NAME = db.parameter("name", String())


def test_values_come_as_the_columns_promise(infra_app: Flask) -> None:
    some_id = new_id()
    columns = select(
        cast(db.parameter("id", db.Id()), db.Id()).label("id"),
        db.parameter("at", db.UtcDateTime()).label("at"),
        db.parameter("held", JSON()).label("held"),
        null().label("empty"),
    )
    values = {"id": some_id, "at": MOMENT, "held": ["a", {"b": 1}]}
    with infra_app.app_context():
        rows = db.reader.tuples(db.Prepared(columns), values)
    assert [list(row) for row in rows] == [[some_id, MOMENT, ["a", {"b": 1}], None]]


def test_what_one_statement_was_asked_with_says_nothing_of_the_next(infra_app: Flask) -> None:
    """A connection remembers how types are read and written, and no row, which may be a page."""
    kinds: list[Any] = [db.UtcDateTime(), String(), JSON(), db.UtcDateTime()]
    values = [MOMENT, "x", {"b": [1]}, MOMENT]
    statements = [
        db.Prepared(select(db.parameter("value", kind).label("value"), literal(str(place))))
        for place, kind in enumerate(kinds)
    ]
    with infra_app.app_context():
        for _ in range(3):
            for place, (statement, value) in enumerate(zip(statements, values, strict=True)):
                rows = db.reader.tuples(statement, {"value": value})
                assert [tuple(row) for row in rows] == [(value, str(place))]
        if not _is_sqlite(infra_app):
            with closing(db.reader.engine.raw_connection()) as connection:
                driver: Any = connection.dbapi_connection
                assert driver._transformer.pgresult is None


def test_a_parameter_may_stand_in_several_places(infra_app: Flask) -> None:
    parts = [select(NAME.label("name"), literal(place).label("place")) for place in (1, 2)]
    both = union_all(*parts).subquery()
    statement = db.Prepared(select(both).order_by(both.c.place))
    with infra_app.app_context():
        assert [tuple(row) for row in db.reader.tuples(statement, {"name": "x"})] == [
            ("x", 1),
            ("x", 2),
        ]
        # Nothing is left of the execution before.
        assert db.reader.tuples(statement, {"name": "y"})[0][0] == "y"


def test_a_missing_value_is_an_error_and_never_the_one_before(infra_app: Flask) -> None:
    statement = db.Prepared(select(NAME))
    with infra_app.app_context():
        db.reader.tuples(statement, {"name": "x"})
        with pytest.raises((KeyError, DBAPIError)):
            db.reader.tuples(statement, {})


def test_errors_are_those_of_sqlalchemy_without_what_was_bound(infra_app: Flask) -> None:
    statement = db.Prepared(select(NAME).select_from(text("no_such_table")))
    with infra_app.app_context():
        with pytest.raises(DBAPIError) as caught:
            db.reader.tuples(statement, {"name": "a secret"})
        assert not caught.value.connection_invalidated
        assert "a secret" not in str(caught.value)
        # The connection is in its pool again, and good.
        assert db.reader.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert db.reader.tuples(db.Prepared(_one()), {"name": "x"})[0][0] == "x"


def test_what_looks_else_as_bytes_comes_as_text(infra_app: Flask) -> None:
    if _is_sqlite(infra_app):
        pytest.skip("SQLite has no such type")
    address = "08:00:2b:01:02:03"
    with infra_app.app_context():
        rows = db.reader.tuples(db.Prepared(select(cast(NAME, MACADDR()))), {"name": address})
    assert rows[0][0] == address


@pytest.mark.parametrize("depends", [True, False])
def test_what_depends_on_its_values_is_planned_each_time(infra_app: Flask, depends: bool) -> None:
    if _is_sqlite(infra_app):
        pytest.skip("SQLite has no plan for values that it does not know yet")
    statement = db.Prepared(select(NAME.label("planned")), depends_on_values=depends)
    kept = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS planned%'")
    with infra_app.app_context():
        for _ in range(10):
            db.reader.tuples(statement, {"name": "x"})
        assert db.reader.scalar(kept) == (0 if depends else 1)


def test_the_server_keeps_only_so_many_statements(
    infra_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one not used for longest goes first, and is prepared anew when it comes again."""
    if _is_sqlite(infra_app):
        pytest.skip("SQLite keeps none")
    monkeypatch.setattr("gatehouse.infra.db.postgresql.MOST_PREPARED", 3)
    statements = [db.Prepared(select(NAME.label(f"kept_{number}"))) for number in range(5)]
    kept = text("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%AS kept_%'")
    with infra_app.app_context():
        for number in (0, 1, 0, 2, 3, 0, 4, 1):
            one = statements[number]
            assert db.reader.tuples(one, {"name": "x"}) == [("x",)]
        found = {row[0].rpartition("_")[2] for row in db.reader.rows(kept)}
    assert found == {"0", "4", "1"}


def test_what_the_server_keeps_no_longer_or_cannot_run_is_asked_anew(infra_app: Flask) -> None:
    """After a migration, and where somebody threw them all away: nobody is told of it."""
    if _is_sqlite(infra_app):
        pytest.skip("SQLite keeps none")
    statement = db.Prepared(
        select(NAME, column("changed", String())).select_from(table("changing"))
    )
    with infra_app.app_context():
        with db.sqlalchemy.engine.begin() as writer:
            writer.execute(text("CREATE TABLE changing AS SELECT 7 AS changed"))
        assert db.reader.tuples(statement, {"name": "x"}) == [("x", 7)]
        with db.sqlalchemy.engine.begin() as writer:
            writer.execute(text("ALTER TABLE changing ALTER changed TYPE text USING 'seven'"))
        for _ in range(2):
            assert db.reader.tuples(statement, {"name": "x"}) == [("x", "seven")]
        with db.reader.engine.connect() as connection:
            connection.execute(text("DEALLOCATE ALL"))
        for _ in range(2):
            assert db.reader.tuples(statement, {"name": "x"}) == [("x", "seven")]


def test_a_question_under_way_is_no_others_answer(
    infra_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens while an answer is awaited: the connection is not used again."""
    if _is_sqlite(infra_app):
        pytest.skip("a file answers at once")
    statement = db.Prepared(_one())
    with infra_app.app_context():
        assert db.reader.tuples(statement, {"name": "x"}) == [("x",)]
        with monkeypatch.context() as patched:
            patched.setattr(
                "gatehouse.infra.db.postgresql.PromptConnection.wait",
                lambda *_: (_ for _ in ()).throw(MemoryError),
            )
            with pytest.raises(MemoryError):
                db.reader.tuples(statement, {"name": "y"})
        assert db.reader.tuples(statement, {"name": "z"}) == [("z",)]


def test_lost_connections_are_replaced_at_once(infra_app: Flask) -> None:
    if _is_sqlite(infra_app):
        pytest.skip("a file cannot be lost")
    statement = db.Prepared(_one())
    with infra_app.app_context():
        engine = db.reader.engine
        held = [engine.connect() for _ in range(3)]
        pids = [str(one.scalar(text("SELECT pg_backend_pid()"))) for one in held]
        for one in held:
            one.close()
        with db.sqlalchemy.engine.connect() as other:
            other.execute(
                text(f"SELECT pg_terminate_backend(p) FROM unnest(ARRAY[{','.join(pids)}]) p")
            )
        # All three were lost with one blow: the second attempt is not wasted on another of them.
        assert db.reader.tuples(statement, {"name": "x"})[0][0] == "x"


def test_a_statement_that_fails_twice_tells_that_the_connection_is_lost(infra_app: Flask) -> None:
    if _is_sqlite(infra_app):
        pytest.skip("a file cannot be lost")
    ends_itself = select(func.pg_terminate_backend(func.pg_backend_pid()), NAME)
    with infra_app.app_context(), pytest.raises(OperationalError) as caught:
        db.reader.tuples(db.Prepared(ends_itself), {"name": "x"})
    assert caught.value.connection_invalidated


def test_a_server_that_is_away_is_an_outage(make_infra_app: MakeApp) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    app = make_infra_app(DATABASE_URL=f"postgresql://nobody:pw@127.0.0.1:{port}/none")
    with app.app_context(), pytest.raises(OperationalError) as caught:
        db.reader.tuples(db.Prepared(_one()), {"name": "x"})
    assert not caught.value.connection_invalidated


def _one() -> Select[Any]:
    return select(cast(NAME, String()))


def _is_sqlite(app: Flask) -> bool:
    with app.app_context():
        return db.is_sqlite()


def test_what_is_built_once_is_built_once_for_each_kind_of_database(infra_app: Flask) -> None:
    kinds: list[bool] = []

    @db.built_once
    def statement() -> Any:
        kinds.append(db.is_sqlite())
        return select(NAME)

    with infra_app.app_context():
        assert statement() is statement()
        other = Flask(__name__)
        theirs = create_engine("postgresql+psycopg://" if db.is_sqlite() else "sqlite://")
        other.extensions[engines.EXTENSION] = {"reader": theirs}
        with other.app_context():
            assert statement() is statement()
        assert statement() is statement()
    assert sorted(kinds) == [False, True]
