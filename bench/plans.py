"""How much of the database a request touches: its statements explained as they run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psycopg
from flask import Flask

from gatehouse.infra.db.postgresql import PromptConnection

_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
_EXPLAINED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


def buffers(app: Flask, requests: list[dict[str, Any]]) -> dict[str, int]:
    """Send each request twice; return by name how many buffers the second one read.

    The first fills what a process remembers: prepared statements, keys, ids of roles.
    """
    client = app.test_client()
    found = {}
    for request in requests:
        name, refreshes = request.pop("name"), request.pop("refreshes", False)
        answer = client.open(**request)
        if refreshes:
            request = _refreshing(request, answer)
            request = _refreshing(request, client.open(**request))
        with explaining() as seen:
            answer = client.open(**request)
        if answer.status_code != 200:
            raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:300]}")
        if not sum(seen):
            raise RuntimeError(f"{name}: none of its statements was seen")
        found[name] = sum(seen)
    return found


def _refreshing(request: dict[str, Any], answer: Any) -> dict[str, Any]:
    sent = {"refresh_token": answer.json["refresh_token"]}
    return {**request, "path": "/api/v1/auth/refresh", "json": sent}


@contextmanager
def explaining() -> Iterator[list[int]]:
    """Give the number of buffers of every statement, whoever sends it to the driver."""
    seen: list[int] = []
    execute, tuples = psycopg.Cursor.execute, PromptConnection.tuples

    def note(explained: Any) -> None:
        plan = explained[0]["Plan"]
        seen.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    def executed(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if str(query).lstrip().upper().startswith(_EXPLAINED):
            # Rolled back, then done in earnest: an UPDATE finds what it is to find.
            with cursor.connection.transaction(force_rollback=True):
                asking = psycopg.Cursor(cursor.connection)
                execute(asking, _EXPLAIN + query, params)
                row = asking.fetchone()
                assert row is not None
                note(row[0])
        return execute(cursor, query, params, **options)

    def read(connection: Any, statement: str, values: Any, **how: Any) -> Any:
        asked = _EXPLAIN + statement
        note(tuples(connection, asked, values, result_format=0, is_prepared=False)[0][0])
        return tuples(connection, statement, values, **how)

    with (
        mock.patch.object(psycopg.Cursor, "execute", executed),
        mock.patch.object(PromptConnection, "tuples", read),
    ):
        yield seen
