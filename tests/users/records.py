"""What the service wrote down, read behind the API's back: queued mail and the ledger."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from gatehouse import one_time, users
from gatehouse.core.principal import Origin
from gatehouse.infra import db, jobs
from tests.support.api import Api, Person

COMMAND_LINE = Origin(address="", user_agent="tests", request_id="")


def rows(app: Flask, table: str) -> list[Any]:
    """Return all rows of a table, the oldest first."""
    columns = db.metadata.tables[table]
    with app.app_context():
        return list(db.reader.rows(select(columns).order_by(columns.c.id)))


def mails(app: Flask, template: str | None = None) -> list[dict[str, Any]]:
    """Return the queued mails, the latest last."""
    payloads = [row.payload for row in rows(app, "outbox") if row.kind == "mail"]
    return [payload for payload in payloads if template in (None, payload["template"])]


def token(app: Flask, template: str) -> str:
    """Return the one-time token of the latest mail made from `template`."""
    link = mails(app, template)[-1]["context"]["one_time"]
    with app.app_context():
        return one_time.token(UUID(link["id"]), link["purpose"])


def events(app: Flask, *types: str) -> list[Any]:
    """Return the rows of the ledger of these types, the latest last."""
    return [row for row in rows(app, "events") if row.type in types]


def with_roles(app: Flask, client: Api, *roles: str, **members: Any) -> Person:
    """Return somebody new who has logged in and has `roles` besides `user`."""
    person = client.at().sign_up(**members)
    for role in roles:
        with app.app_context(), db.unit():
            users.grant(UUID(person.id), role, actor=None, origin=COMMAND_LINE)
    return person


def run_jobs(app: Flask) -> None:
    """Do all work that is due."""
    with app.app_context():
        jobs.run_due()


def perform(app: Flask, job: Callable[[dict[str, Any], UUID], None], kind: str) -> None:
    """Do the waiting work of one kind, and none of the mail that comes of it."""
    for row in rows(app, "outbox"):
        if row.kind == kind:
            with app.app_context():
                job(row.payload, row.id)
