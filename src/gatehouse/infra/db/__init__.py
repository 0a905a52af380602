"""The database: three handles on the data, and the one place where writes happen.

- `session` is the writer, on the primary, and works only inside `unit()`.
- `reader` is the primary without transactions (Core, AUTOCOMMIT): access checks, single
  resources, versions.
- `replica` is a reader of `DATABASE_READ_URL` where that is set. It may lag: only lists, counts
  and the audit trail name it.

No connection is opened before the first statement, so that a preloaded process can fork.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, event
from sqlalchemy.orm import DeclarativeBase, Session

from gatehouse.core.errors import Refusal
from gatehouse.infra.db import engines
from gatehouse.infra.db.columns import Encrypted, Id, Json, Key, UtcDateTime
from gatehouse.infra.db.engines import (
    Reader,
    built_once,
    is_pooled,
    is_sqlite,
    patient,
    upsert,
)
from gatehouse.infra.db.prepared import Prepared, parameter
from gatehouse.infra.db.refusals import is_full, violated
from gatehouse.infra.threads import resting
from gatehouse.settings import Settings

__all__ = [
    "MIGRATIONS",
    "Encrypted",
    "Id",
    "Json",
    "Key",
    "Model",
    "Prepared",
    "Reader",
    "UtcDateTime",
    "after_commit",
    "built_once",
    "init_app",
    "is_full",
    "is_in_unit",
    "is_pooled",
    "is_sqlite",
    "metadata",
    "parameter",
    "patient",
    "reader",
    "replica",
    "session",
    "unit",
    "upsert",
    "violated",
]

# Found from any working directory.
MIGRATIONS = Path(__file__).resolve().parents[4] / "migrations"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class _Base(DeclarativeBase):
    metadata = metadata


sqlalchemy = SQLAlchemy(
    model_class=_Base, disable_autonaming=True, session_options={"expire_on_commit": False}
)

if TYPE_CHECKING:

    class Model(_Base):
        """The base of every table; its columns are `Mapped[...]`."""

        __abstract__ = True
else:
    Model = sqlalchemy.Model

session = sqlalchemy.session
reader = Reader("reader")
replica = Reader("replica")


def init_app(app: Flask, settings: Settings) -> None:
    """Prepare the engines of `app`; connects to nothing."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engines.writer_options(settings)
    sqlalchemy.init_app(app)
    with app.app_context():
        engines.install(app, writer=sqlalchemy.engine, settings=settings)
        engines.measure(app, writer=sqlalchemy.engine)


@contextmanager
def unit() -> Iterator[None]:
    """Run one unit of work: commit on leaving, roll back on an error.

    A `Refusal` whose class says `keeps_writes` commits before it goes on. Nothing slow (a hash,
    mail, a foreign service) belongs inside. Raises RuntimeError when a unit is already open.
    """
    if "unit" in g:
        raise RuntimeError("a unit of work is already open; it belongs to the edge that opened it")
    g.unit = []
    try:
        if engines.is_busy(sqlalchemy.engine):
            with resting:
                session.connection()
        try:
            yield
        except Refusal as refusal:
            if not refusal.keeps_writes:
                raise
            session.commit()
            _run_callbacks()
            raise
        session.commit()
        _run_callbacks()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.remove()
        g.pop("unit", None)


def after_commit(callback: Callable[[], Any]) -> None:
    """Call `callback` once the present unit has committed, and never if it does not."""
    g.unit.append(callback)


def is_in_unit() -> bool:
    """Tell whether a unit of work is open here."""
    return "unit" in g


def _run_callbacks() -> None:
    for callback in g.unit:
        callback()


@event.listens_for(Session, "after_begin")
def _only_in_a_unit(_session: Session, _transaction: Any, _connection: Any) -> None:
    """Refuse a write transaction that no unit has opened."""
    if "unit" not in g:
        raise RuntimeError("db.session works only inside db.unit(); read through db.reader")
