"""A small application with the ledger and roles alone, and people who need no password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from flask import Flask, Request
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from gatehouse import audit, roles
from gatehouse.core import clock
from gatehouse.core.events import Event
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Origin, Principal
from gatehouse.feature import Feature, Slots
from gatehouse.infra import db, jobs, redis
from gatehouse.infra.db import engines
from gatehouse.settings import Settings
from gatehouse.users.models import users
from gatehouse.users.vocabulary import UserPermission
from gatehouse.web import access, edge, locks

ORIGIN = Origin("192.0.2.1", "a test", "00000000-0000-7000-8000-000000000000")
TABLES = ("users", "roles", "user_roles", "events", "outbox")
DATABASES = ("sqlite", "postgresql")


class Happening(Event):
    """Facts of these tests."""

    HAPPENED = "test.happened"
    REPEATED = "test.repeated"


@dataclass(frozen=True)
class House:
    """The application, and requests to it as one of its people."""

    app: Flask

    def person(self, *names: str, is_active: bool = True) -> UUID:
        """Add a person who has these roles."""
        user_id = new_id()
        with self.app.app_context(), db.unit():
            address = f"{user_id}@example.com"
            db.session.execute(
                insert(users).values(
                    id=user_id, email=address, email_folded=address, is_active=is_active
                )
            )
            for name in names:
                assert roles.grant(user_id, name, granted_by=None)
        return user_id

    def ask(
        self,
        method: str,
        path: str,
        *,
        by: UUID | None = None,
        json: Any = None,
        age: int = 0,
        **headers: str,
    ) -> TestResponse:
        """Send a request; `age` is the age in seconds of the caller's log-in."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if by is not None:
            sent |= {"Authorization": f"Bearer {by}", "X-Age": str(age)}
        return self.app.test_client().open(f"/api/v1{path}", method=method, json=json, headers=sent)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the facts of a kind, oldest first."""
        ledger = db.metadata.tables["events"]
        statement = select(ledger).where(ledger.c.type == kind).order_by(ledger.c.id)
        with self.app.app_context():
            return [row._asdict() for row in db.reader.rows(statement)]


@contextmanager
def opened(directory: Path, database: str, server: str | None = None) -> Iterator[House]:
    """Make a house on SQLite, or in a new database of a PostgreSQL `server`."""
    if database == "sqlite":
        with _built(directory) as house:
            yield house
        return
    assert server is not None
    name = f"gatehouse_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            with _built(directory, DATABASE_URL=f"{server.rpartition('/')[0]}/{name}") as house:
                yield house
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _built(directory: Path, **variables: str) -> Iterator[House]:
    settings = Settings.load({"INSTANCE_DIR": str(directory / "instance"), **variables})
    app = Flask("gatehouse", static_folder=None)
    app.config["SETTINGS"] = settings
    db.init_app(app, settings)
    redis.init_app(app, settings)
    jobs.init_app(app)
    api = edge.install(app, settings)
    slots = Slots.of(app)
    accounts = Feature(name="users", permissions=UserPermission)
    for feature in (audit.feature, roles.feature, accounts):
        slots.fill(feature)
        jobs.declare(app, feature.jobs)
        for blueprint in feature.blueprints:
            api.register_blueprint(blueprint)
    slots.authenticators.append(_known_by_id)
    locks.refuse_unlocked(app)
    settings.instance_dir.mkdir(parents=True, exist_ok=True)
    with app.app_context():
        tables = [db.metadata.tables[name] for name in TABLES]
        db.metadata.create_all(db.sqlalchemy.engine, tables=tables)
        with db.unit():
            roles.ensure_built_in()
    try:
        yield House(app)
    finally:
        with app.app_context():
            db.sqlalchemy.engine.dispose()
        engines.dispose(app)


def _known_by_id(request: Request) -> Principal | None:
    """Believe the id in the place of a token; `key` before it stands for an API key."""
    token = access.bearer_token(request)
    if token is None:
        return None
    user_id = UUID(token.removeprefix("key-"))
    names = roles.names_column(users.c.id).label("names")
    row = db.reader.row(select(users, names).where(users.c.id == user_id))
    assert row is not None
    with db.unit():
        held = roles.permissions_of(user_id)
    age = timedelta(seconds=int(request.headers.get("X-Age", 0)))
    return Principal(
        user_id=user_id,
        session_id=None if token.startswith("key-") else new_id(),
        roles=frozenset(row.names),
        permissions=held,
        auth_time=clock.now() - age,
        amr=("pwd",),
        user=row._mapping,
    )
