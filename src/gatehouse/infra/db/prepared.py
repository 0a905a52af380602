"""Reading statements of the hottest requests: compiled once, and run by the driver itself.

SQLAlchemy writes the statement, lends the connection and knows the types. What it does anew for
each execution (a key for its cache, a context, a result of rows with names) took longer than the
database, and is left out; so is the cursor of psycopg (`PromptConnection.tuples`). Rows come as
plain tuples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    PoolProxiedConnection,
    Select,
    String,
    TypeDecorator,
    Uuid,
    bindparam,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]
Ask = Callable[[Any, str, Sequence[Any]], Sequence[Sequence[Any]]]

_ALIKE = (Boolean, DateTime, Integer, JSON, String, Uuid)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement as one kind of database takes it, and what its types do to values."""

    text: str
    names: Sequence[str]  # of the values, by their places
    constants: Mapping[str, Any]
    bound: Mapping[str, Convert]
    read: Sequence[tuple[int, Convert]]
    ask: Ask

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """Return what the driver binds."""
        found = {**self.constants, **given}
        for name, convert in self.bound.items():
            found[name] = convert(found[name])
        return [found[name] for name in self.names]

    def converted(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Return rows of the driver with the values that their columns promise."""
        if not self.read:
            return rows
        found = [list(row) for row in rows]
        for index, convert in self.read:
            for row in found:
                row[index] = convert(row[index])
        return found


def parameter(name: str, type_: Any) -> Any:
    """Return the place of a value that each execution brings."""
    return bindparam(name, None, type_=type_)


class Prepared:
    """A SELECT with `parameter`s; `Reader.tuples` runs it, and wants a value for each of them.

    Where the best plan `depends_on_values`, PostgreSQL plans each execution for those it gets.
    """

    def __init__(self, statement: Select[Any], *, depends_on_values: bool = False) -> None:
        self.statement = statement
        self._depends_on_values = depends_on_values
        self._plans: dict[str, _Plan] = {}

    def rows(self, engine: Engine, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return all rows; the driver's errors come as SQLAlchemy would have them."""
        plan = self._plans.get(engine.dialect.name) or self._compile(engine.dialect)
        bound = plan.values(values)
        connection = None
        try:
            connection = engine.raw_connection()
            rows = plan.ask(connection.dbapi_connection, plan.text, bound)
        except engine.dialect.loaded_dbapi.Error as error:
            raise _told(error, engine, connection, plan.text) from error
        finally:
            if connection is not None:
                connection.close()
        return plan.converted(rows)

    def _compile(self, dialect: Dialect) -> _Plan:
        # Places have numbers or stand in order, so that the driver need not look for names.
        style = "qmark" if dialect.name == "sqlite" else "numeric_dollar"
        kind: Any = type(dialect)
        compiled = self.statement.compile(
            dialect=kind(paramstyle=style), compile_kwargs={"render_postcompile": True}
        )
        assert isinstance(compiled, SQLCompiler)
        types = [column.type for column in self.statement.selected_columns]
        plan = _Plan(
            text=compiled.string,
            names=compiled.positiontup or (),
            constants={name: v for name, v in compiled.params.items() if v is not None},
            bound={
                name: convert
                for bind, name in compiled.bind_names.items()
                if bind not in compiled.literal_execute_params
                and (convert := bind.type.dialect_impl(dialect).bind_processor(dialect))
            },
            read=[
                (index, convert)
                for index, type_ in enumerate(types)
                if (convert := type_.dialect_impl(dialect).result_processor(dialect, None))
            ],
            ask=_ask_sqlite
            if dialect.name == "sqlite"
            else partial(
                _ask_postgresql,
                # Ids and times are read faster as bytes (1) than as text (0).
                result_format=int(all(map(_is_alike, types))),
                is_prepared=not self._depends_on_values,
            ),
        )
        self._plans[dialect.name] = plan
        return plan


def _ask_sqlite(connection: Any, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = connection.execute(text, values).fetchall()
    return rows


def _ask_postgresql(
    connection: Any, text: str, values: Sequence[Any], **how: Any
) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = connection.tuples(text, values, **how)
    return rows


def _is_alike(type_: TypeEngine[Any]) -> bool:
    """Tell whether values of this type are the same for us when the server sends bytes."""
    plain = type_.impl_instance if isinstance(type_, TypeDecorator) else type_
    return isinstance(plain, _ALIKE) and not isinstance(plain, Enum)


def _told(
    error: Any, engine: Engine, connection: PoolProxiedConnection | None, text: str
) -> BaseException:
    """Return the error as SQLAlchemy's, and leave a pool whose server went away."""
    dialect = engine.dialect
    is_lost = connection is not None and dialect.is_disconnect(
        error, connection.dbapi_connection, None
    )
    if connection is not None and is_lost:
        # As SQLAlchemy does: with this connection those that are as old are taken for lost.
        engine.pool._invalidate(connection, error)
    wrapped: BaseException = DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    return wrapped
