"""How connections are made: pools, time-outs, and what SQLite needs to be told.

Every engine's pool is as large as the number of threads that may want it, because a smaller one
opens and closes connections all the time. SQLite has one writer at a time, so its writer pool
holds one connection and the pool is the queue.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from typing import Any, TypeVar, cast

import orjson
from flask import Flask, current_app
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    QueuePool,
    Row,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from gatehouse.infra import metrics
from gatehouse.infra.db.prepared import Prepared
from gatehouse.settings import Settings

EXTENSION = "gatehouse.engines"
IN_USE = metrics.Gauge("gatehouse_db_connections_in_use", "Connections in use.", ("pool",))
SIZE = metrics.Gauge("gatehouse_db_connections_max", "Connections a pool may hold.", ("pool",))

# Everybody who writes to SQLite waits in this one queue, and each for an fsync of its own.
SQLITE_QUEUE_SECONDS = 5
Params = Mapping[str, Any] | None
Rows = TypeVar("Rows")
Statement = TypeVar("Statement", bound=Executable)


class Reader:
    """Reads without a transaction; a connection that was dropped meanwhile is retried once."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def engine(self) -> Engine:
        """The engine of the present application."""
        engine: Engine = current_app.extensions[EXTENSION][self._name]
        return engine

    def rows(self, statement: Executable, params: Params = None) -> Sequence[Row[Any]]:
        """Return all rows."""
        return self._twice(lambda engine: _rows(engine, statement, params))

    def tuples(self, prepared: Prepared, params: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return all rows of a prepared statement, without names."""
        return self._twice(lambda engine: prepared.rows(engine, params))

    def row(self, statement: Executable, params: Params = None) -> Row[Any] | None:
        """Return the first row, or None."""
        rows = self.rows(statement, params)
        return rows[0] if rows else None

    def scalar(self, statement: Executable, params: Params = None) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(statement, params)
        return None if row is None else row[0]

    def _twice(self, read: Callable[[Engine], Rows]) -> Rows:
        engine = self.engine
        try:
            return read(engine)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return read(engine)


def writer_options(settings: Settings) -> dict[str, Any]:
    """Return the engine options of the writer."""
    if settings.is_sqlite:
        return _options(settings) | {"pool_size": 1, "pool_timeout": SQLITE_QUEUE_SECONDS}
    return _options(settings) | {"pool_size": max(1, settings.threads // 2), "pool_pre_ping": True}


def install(app: Flask, *, writer: Engine, settings: Settings) -> None:
    """Make the reader engines of `app` and teach every engine its manners."""
    primary = _reader_engine(settings.database_url, settings)
    replica = (
        _reader_engine(settings.database_read_url, settings)
        if settings.database_read_url
        else primary
    )
    app.extensions[EXTENSION] = {"reader": primary, "replica": replica}
    if settings.is_sqlite:
        for engine in (writer, primary):
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(writer, "begin", _begin_immediate)
    else:
        for engine in {writer, primary, replica}:
            _postgresql().listen(engine, settings)


def measure(app: Flask, *, writer: Engine) -> None:
    """Let the metrics of `app` tell how many connections its pools hold, and may."""
    measured = {"writer": writer}
    for name, engine in app.extensions[EXTENSION].items():
        if engine not in measured.values():  # without a replica, lists ask the reader
            measured[name] = engine

    def read() -> Iterator[metrics.Reading]:
        for name, engine in measured.items():
            pool = cast(QueuePool, engine.pool)  # another one after `dispose`
            yield metrics.Reading(IN_USE, pool.checkedout(), (name,))
            yield metrics.Reading(SIZE, pool.size(), (name,))

    metrics.of(app).watch((IN_USE, SIZE), read)


def is_busy(engine: Engine) -> bool:
    """Tell whether all connections of the engine are in use, so that whoever wants one waits."""
    pool = cast(QueuePool, engine.pool)  # another one after `dispose`
    return pool.checkedout() >= pool.size()


def is_sqlite() -> bool:
    """Tell whether the present application keeps its data in SQLite."""
    engine: Engine = current_app.extensions[EXTENSION]["reader"]
    return engine.dialect.name == "sqlite"


def is_pooled() -> bool:
    """Tell whether a pooler stands before the present application's PostgreSQL."""
    engine: Engine = current_app.extensions[EXTENSION]["reader"]
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        return not is_sqlite() and driver.prepare_threshold is None


def upsert(table: Any) -> Any:
    """Return an INSERT into `table` that knows ON CONFLICT in the present database's dialect."""
    return (sqlite.insert if is_sqlite() else postgresql.insert)(table)


def built_once(build: Callable[[], Statement]) -> Callable[[], Statement]:
    """Build what uses `upsert` at its first use only, once for each kind of database.

    Any other statement can be a constant of its module; what changes is a `parameter` in both.
    """
    built = cache(lambda _is_sqlite: build())
    return wraps(build)(lambda: built(is_sqlite()))


def patient(connection: Connection, *, seconds: int = 0) -> None:
    """Let statements of a command take longer than those of a request; 0 is as long as they need.

    SQLite's time-outs are about waiting, never about a statement that runs.
    """
    if not is_sqlite():
        _postgresql().patient(connection, seconds=seconds)


def dispose(app: Flask) -> None:
    """Close every pooled reading connection of `app`."""
    for engine in app.extensions[EXTENSION].values():
        engine.dispose()


def _rows(engine: Engine, statement: Executable, params: Params) -> Sequence[Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(statement, params).all()


def _reader_engine(url: str, settings: Settings) -> Engine:
    return create_engine(
        url,
        **_options(settings),
        pool_size=settings.threads,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
    )


def _postgresql() -> Any:
    """Return the module that needs a driver, which SQLite does without."""
    return import_module("gatehouse.infra.db.postgresql")


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "poolclass": QueuePool,
        "max_overflow": 0,
        "pool_timeout": settings.db_pool_timeout_seconds,
        "pool_use_lifo": True,
        # An error's text reaches logs, and what is bound may be a digest or an address.
        "hide_parameters": True,
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }
    if settings.is_sqlite:
        options["connect_args"] = {
            "timeout": settings.db_statement_timeout_seconds,
            "check_same_thread": False,
        }
    else:
        options["connect_args"] = _postgresql().options(settings)
    return options


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN would come too late for BEGIN IMMEDIATE.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock at once: a unit that starts by reading could not get it later."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
