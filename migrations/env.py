"""How migrations run: on both databases, without making a live table wait.

- A statement may take as long as it needs, but waits at most two seconds for a lock: what it
  waits for would make every request queue behind it. A migration that gave up runs again.
- Whoever comes second waits until the first has finished, then finds nothing to do.
- On PostgreSQL each migration is a transaction of its own. On SQLite all of them are one.

Writing one: expand, migrate, contract. What running code does not need yet may be added at once;
what it no longer needs goes with the release after. On PostgreSQL an index on a large table is
made with `postgresql_concurrently=True` inside `op.get_context().autocommit_block()`.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from gatehouse.cli.failures import Failed, database_trouble
from gatehouse.infra import db
from gatehouse.infra.logs import logger
from gatehouse.settings import settings

LOCK_TIMEOUT_SECONDS = 2
OTHER_MIGRATION_SECONDS = 600
ASK_AGAIN_SECONDS = 0.2
# Any number will do, as long as nothing else on this database takes it.
ADVISORY_LOCK = 4_724_832_583

# "Context impl", "Will assume": nothing that an operator could act upon.
logging.getLogger("alembic").setLevel(logging.WARNING)


def run() -> None:
    """Run what the command asks for."""
    options = dict(current_app.extensions["migrate"].configure_args)
    options["target_metadata"] = db.metadata
    options["render_item"] = _rendered
    if context.is_offline_mode():
        context.configure(url=settings.database_url, literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = _sqlite() if settings.is_sqlite else _postgresql()
    try:
        with engine.connect() as connection, _alone(connection):
            context.configure(
                connection=connection,
                transactional_ddl=True,
                transaction_per_migration=not settings.is_sqlite,
                on_version_apply=_tell,
                process_revision_directives=_nothing_for_no_change,
                **options,
            )
            with context.begin_transaction():
                context.run_migrations()
    except DBAPIError as error:
        raise Failed(_told(error)) from error
    finally:
        engine.dispose()


def _postgresql() -> Engine:
    lock = LOCK_TIMEOUT_SECONDS * 1000
    options = f"-c statement_timeout=0 -c lock_timeout={lock} -c timezone=UTC"
    arguments = {"connect_timeout": 5, "options": options}
    return create_engine(settings.database_url, poolclass=NullPool, connect_args=arguments)


def _sqlite() -> Engine:
    engine = create_engine(
        settings.database_url,
        poolclass=NullPool,
        connect_args={"timeout": OTHER_MIGRATION_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN would come too late, and not at all before CREATE TABLE.
        connection.isolation_level = None
        # Batch mode drops the table that it has copied: that must not delete what refers to it.
        for pragma in ("journal_mode=WAL", "foreign_keys=OFF", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "commit")
    def refuse_orphans(connection: Connection) -> None:
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise CommandError("a migration left rows that refer to nothing; nothing was changed")

    return engine


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold off a second migration; on SQLite BEGIN IMMEDIATE does."""
    if settings.is_sqlite:
        yield
        return
    limit = time.monotonic() + OTHER_MIGRATION_SECONDS
    while not _is_first(connection):
        if time.monotonic() > limit:
            raise Failed("another migration has not finished; run the command again")
        time.sleep(ASK_AGAIN_SECONDS)
    # The lock goes with the connection, which nobody else ever gets.
    yield


def _is_first(connection: Connection) -> bool:
    """Take the lock if it is free.

    Waiting for it inside the database would hold a snapshot, and an index that the first migration
    makes concurrently waits for all of those: each would wait for the other.
    """
    asked = text("SELECT pg_try_advisory_lock(:key)")
    is_ours = bool(connection.scalar(asked, {"key": ADVISORY_LOCK}))
    connection.commit()
    return is_ours


def _tell(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    logger.info("migrated", revision=step.up_revision_id, is_upgrade=step.is_upgrade)


def _nothing_for_no_change(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no empty revision where models and database agree."""
    is_automatic = getattr(context.config.cmd_opts, "autogenerate", False)
    if is_automatic and directives[0].upgrade_ops.is_empty():
        directives.clear()


def _rendered(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Spell our own column type as what it is in the database."""
    if kind == "type" and isinstance(item, db.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _told(error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[0]
    if "lock timeout" in reason:
        return f"a lock was not free within {LOCK_TIMEOUT_SECONDS} s; run the command again"
    return database_trouble(error)


run()
