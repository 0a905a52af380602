"""An application that has infra alone, on either database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from flask import Flask

from gatehouse.infra import db, jobs, limits, mail, push, redis
from gatehouse.infra.db import engines
from gatehouse.infra.jobs.outbox import OutboxEntry
from gatehouse.settings import Settings

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_infra_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Make applications of infra alone; settings come as variables."""
    with ExitStack() as stack:

        def make(**variables: str) -> Flask:
            settings = Settings.load({"INSTANCE_DIR": str(tmp_path / "instance"), **variables})
            app = Flask("gatehouse")
            app.config["SETTINGS"] = settings
            db.init_app(app, settings)
            redis.init_app(app, settings)
            push.init_app(app, settings)
            limits.init_app(app, settings)
            jobs.init_app(app)
            mail.init_app(app, settings)
            stack.callback(_close, app)
            return app

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def infra_app(request: pytest.FixtureRequest, make_infra_app: MakeApp) -> Iterator[Flask]:
    """An application with an empty outbox, once on each database."""
    if request.param == "sqlite":
        app = make_infra_app()
        _create_outbox(app)
        yield app
        return
    server = request.getfixturevalue("postgres_url")
    name = f"gatehouse_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        app = make_infra_app(DATABASE_URL=f"{server.rpartition('/')[0]}/{name}")
        _create_outbox(app)
        yield app
        _close(app)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def outbox() -> Callable[[Flask], Flask]:
    """Give an application its outbox, unless another one of the same database did."""
    return _create_outbox


def _create_outbox(app: Flask) -> Flask:
    app.config["SETTINGS"].instance_dir.mkdir(parents=True, exist_ok=True)
    with app.app_context():
        db.metadata.create_all(db.sqlalchemy.engine, tables=[OutboxEntry.metadata.tables["outbox"]])
    return app


def _close(app: Flask) -> None:
    jobs.stop_thread(app)
    push.stop_listening(app)
    with app.app_context():
        db.sqlalchemy.engine.dispose()
        if (client := redis.client()) is not None:
            client.connection_pool.disconnect()
    engines.dispose(app)
