"""What a request costs: statements, commits, and calls of Redis."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import redis
from flask import Flask
from sqlalchemy import Engine, event

from gatehouse.infra import db
from gatehouse.infra.db import engines, prepared

_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@dataclass
class Cost:
    """What was counted; `statements` are SQL texts without those that frame a transaction."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    redis_calls: int = 0
    writer_checkouts: int = 0

    @property
    def queries(self) -> int:
        """The number of statements."""
        return len(self.statements)


@contextmanager
def counting(app: Flask) -> Iterator[Cost]:
    """Count what happens in `app` inside the block, in all threads."""
    cost, lock = Cost(), threading.Lock()
    with app.app_context():
        writer = db.sqlalchemy.engine
    found: set[Engine] = {writer, *app.extensions[engines.EXTENSION].values()}

    def statement(_c: Any, _cursor: Any, text: str, _p: Any, _x: Any, _many: bool) -> None:
        if not text.lstrip().upper().startswith(_FRAME):
            with lock:
                cost.statements.append(text)

    def commit(_connection: Any) -> None:
        cost.commits += 1

    def checkout(_d: Any, _record: Any, _proxy: Any) -> None:
        cost.writer_checkouts += 1

    listeners: list[tuple[Any, str, Any]] = [
        (writer, "commit", commit),
        (writer, "checkout", checkout),
    ]
    listeners += [(engine, "before_cursor_execute", statement) for engine in found]
    for target, name, function in listeners:
        event.listen(target, name, function)
    send, read = redis.connection.Connection.send_packed_command, prepared.Prepared.rows

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        cost.redis_calls += 1
        return send(self, *args, **kwargs)

    # Prepared statements pass the engine's events by.
    def counted_rows(self: prepared.Prepared, engine: Engine, *args: Any) -> Any:
        statement(None, None, str(self.statement), None, None, False)
        return read(self, engine, *args)

    with (
        mock.patch.object(redis.connection.Connection, "send_packed_command", counted),
        mock.patch.object(prepared.Prepared, "rows", counted_rows),
    ):
        try:
            yield cost
        finally:
            for target, name, function in listeners:
                event.remove(target, name, function)
