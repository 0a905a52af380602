"""PostgreSQL's connections here: they do not wait for ever, and nobody queues before a shut door.

`statement_timeout` is kept by the server, so it needs one that runs and can be reached. From a
stopped machine or through a cut line no answer comes at all, which only the client's own clock
can tell.
"""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, Engine, event, text

from gatehouse.infra.threads import Asking, resting
from gatehouse.settings import Settings

# The server gives up first, as long as it can: then the connection stays good.
MARGIN_SECONDS = 0.5
CONNECT_SECONDS = 2
# Nobody asks again for so long after an attempt to connect that failed.
PAUSE_SECONDS = 0.25
# Statements that a connection lets the server keep for `tuples`.
MOST_PREPARED = 100
# What the server says to the name of a statement that it cannot run any more.
_OUTDATED = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)


class NoAnswer(psycopg.OperationalError):
    """No answer came in time. Whether the server did what it was told is not known."""


class Door:
    """Where connections to one server are opened; while it is away, one at a time tries.

    A hundred threads, each waiting until its own attempt times out, would leave none for the
    requests that need no database.
    """

    def __init__(self) -> None:
        self.asking = Asking()
        self._shut_until: float | None = None
        self._trying = threading.Lock()

    def shut(self) -> None:
        """Remember that the server did not answer."""
        self._shut_until = time.monotonic() + PAUSE_SECONDS

    def open(self, connect: Callable[[], "PromptConnection"]) -> "PromptConnection":
        """Return a connection, or raise OperationalError, at once where others failed just now."""
        if self._shut_until is None:
            return self._attempt(connect)
        if time.monotonic() < self._shut_until or not self._trying.acquire(blocking=False):
            raise psycopg.OperationalError("the server did not answer a moment ago")
        try:
            return self._attempt(connect)
        finally:
            self._trying.release()

    def _attempt(self, connect: Callable[[], "PromptConnection"]) -> "PromptConnection":
        try:
            connection = connect()
        except psycopg.OperationalError:
            self.shut()
            raise
        self._shut_until = None
        return connection


class PromptConnection(psycopg.Connection[Any]):
    """A connection that gives up when its server does not answer within `patience_seconds`."""

    patience_seconds: float | None = None
    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Names of prepared statements, by the statement and the types of its values.
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._name_numbers = count()
        # It remembers how values of each type are read and written: nobody may change the zone or
        # the like of a connection after `_greet`.
        self._transformer = Transformer(self)

    def tuples(
        self, statement: str, values: Sequence[Any], *, result_format: int, is_prepared: bool
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement whose values are called `$1`, `$2`, ...; autocommit only.

        What the driver's cursor does, without the cursor: it would look for the values in the
        statement, and for itself in many places. `result_format` is libpq's: 0 is text, 1 bytes.
        """
        transformer = self._transformer
        sent = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types, formats = transformer.types or (), transformer.formats
        try:
            if is_prepared and self.prepare_threshold is not None:
                result = self._by_name(statement, sent, types, formats, result_format)
            else:
                result = self._ask(statement, sent, types, formats, result_format)
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # its answer would be taken for that of the next question
            raise
        transformer.set_pgresult(result)
        try:
            return transformer.load_rows(0, result.ntuples, tuple)
        finally:
            transformer.set_pgresult(None)  # else a page would wait here for the next question

    def _ask(self, statement: str, sent: Any, types: Any, *how: Any) -> PGresult:
        self.pgconn.send_query_params(statement.encode(), sent, types, *how)
        return self._result()

    def _by_name(self, statement: str, sent: Any, types: tuple[int, ...], *how: Any) -> PGresult:
        key = statement, types
        name = self._names.pop(key, None) or self._prepare(*key)
        self._names[key] = name  # the youngest now
        self.pgconn.send_query_prepared(name, sent, *how)
        try:
            return self._result()
        except _OUTDATED:  # a migration changed what it gives, or somebody threw it away
            del self._names[key]
        return self._ask(statement, sent, types, *how)

    def _prepare(self, statement: str, types: tuple[int, ...]) -> bytes:
        """Let the server keep a statement, and forget the one that was not used for longest."""
        if len(self._names) >= MOST_PREPARED:
            oldest = next(iter(self._names))
            self.execute(b"DEALLOCATE " + self._names[oldest], prepare=False)
            del self._names[oldest]
        name = f"gatehouse_{next(self._name_numbers)}".encode()
        self.pgconn.send_prepare(name, statement.encode(), types)
        self._result()
        return name

    def _result(self) -> PGresult:
        """Return what the server answers to what was sent; raise the error that it tells."""
        began = time.monotonic()
        results = self.wait(generators.execute(self.pgconn))
        self.door.asking.learn(time.monotonic() - began)
        for result in results:
            if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
                raise psycopg.errors.error_from_result(result, encoding=self.info.encoding)
        if not results:
            raise psycopg.InternalError("the server gave no result")
        last: PGresult = results[-1]
        return last

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for what every call of the driver waits for here; raise `NoAnswer` if too long."""
        try:
            with self.door.asking:
                return super().wait(gen, interval, timeout or self.patience_seconds)
        except psycopg.OperationalError as error:
            if error.sqlstate is not None or self.closed:
                raise  # the server said it, or the connection was lost
            # What it would still say belongs to a question that nobody asks any more.
            self.close()
            self.door.shut()
            raise NoAnswer("the server did not answer in time") from None


def listen(engine: Engine, settings: Settings) -> None:
    """Let an engine open connections of this kind."""
    door = Door()
    patience = settings.db_statement_timeout_seconds + MARGIN_SECONDS

    def opened(words: list[Any], named: dict[str, Any]) -> PromptConnection:
        connection = PromptConnection.connect(*words, **named)
        connection.door, connection.patience_seconds = door, patience
        try:
            # A pooler opens its door even while the server behind it is away.
            _greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(_dialect: Any, _record: Any, words: list[Any], named: dict[str, Any]) -> Any:
        with resting:
            return door.open(lambda: opened(words, named))

    event.listen(engine, "do_connect", connect)


def _greet(connection: PromptConnection) -> None:
    """Let times come in UTC, and prepare no statement where a pooler stands before the server.

    PgBouncer may run the next statement in another session, and takes no options when a client
    connects; it keeps the zone, though. It shows itself by the process id that it gave the
    connection: the server has another.
    """
    connection.autocommit = True  # no transaction, and one way there and back
    row = connection.execute(
        "SELECT pg_backend_pid(), set_config('timezone', 'UTC', false)"
    ).fetchone()
    connection.autocommit = False
    if row is None or row[0] != connection.info.backend_pid:
        connection.prepare_threshold = None


def options(settings: Settings) -> dict[str, Any]:
    """Return what the driver is told about a connection."""
    statement = settings.db_statement_timeout_seconds * 1000
    lock = settings.db_lock_timeout_seconds * 1000
    return {
        "connect_timeout": CONNECT_SECONDS,
        # An idle connection whose other end has silently gone is found before somebody uses it.
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": (
            # What takes milliseconds is not worth a compiler, which may take half a second.
            f"-c jit=off -c statement_timeout={statement} -c lock_timeout={lock}"
            f" -c idle_in_transaction_session_timeout={statement * 5}"
        ),
    }


def patient(connection: Connection, *, seconds: int = 0) -> None:
    """Let statements of a command take longer than those of a request; 0 is as long as they need.

    The connection leaves its pool, and is closed once it has been used.
    """
    connection.detach()
    driver = cast(PromptConnection, connection.connection.dbapi_connection)
    scope = "SESSION" if driver.autocommit else "LOCAL"
    connection.execute(text(f"SET {scope} statement_timeout = '{seconds}s'"))
    driver.patience_seconds = seconds + MARGIN_SECONDS if seconds else None
