"""What an act leaves behind: rows of the ledger and of the outbox, as a test can compare them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from gatehouse.infra import db
from tests.support.api import Person

Fact = tuple[str, str | None, str | None, str | None, str | None, str | None, Any]


class Facts:
    """Tells what was written since it was last asked."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._seen: set[UUID] = set()
        self.events()
        self.mails()

    def events(self) -> list[Fact]:
        """Return type, actor, subject, address, user agent, target and details of new events."""
        return [
            (
                row.type,
                row.actor_id and str(row.actor_id),
                row.subject_id and str(row.subject_id),
                row.address,
                row.user_agent,
                row.target,
                row.details,
            )
            for row in self._new("events", lambda row: True)
        ]

    def mails(self) -> list[tuple[str, str, str | None, Any]]:
        """Return template, address, person and context of new mails, without ids of tokens."""
        found = []
        for row in self._new("outbox", lambda row: row.kind == "mail"):
            payload = row.payload
            context = dict(payload["context"])
            if "one_time" in context:
                context = {"one_time": context["one_time"]["purpose"]}
            person = row.user_id and str(row.user_id)
            found.append((payload["template"], payload["to"], person, context))
        return found

    def _new(self, table: str, is_wanted: Callable[[Any], bool]) -> list[Any]:
        columns = db.metadata.tables[table]
        with self._app.app_context():
            rows = db.reader.rows(select(columns).order_by(columns.c.id))
        new = [row for row in rows if row.id not in self._seen and is_wanted(row)]
        self._seen |= {row.id for row in new}
        return new


def by(
    actor: Person, event: str, subject: str | None = None, target: str | None = None, **details: Any
) -> Fact:
    """Return the fact that somebody did something, to themselves unless a subject is named."""
    whom = subject or actor.id
    return (event, actor.id, whom, actor.address, actor.agent, target, details)
