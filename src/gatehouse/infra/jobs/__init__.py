"""Work for later: written down with `enqueue`, done by whoever drains the outbox.

A feature lists the functions of its kinds, and housekeeping that runs every so often:

    jobs={"auth.verify_email": resend}                   # resend(payload, entry_id)
    periodic={"one_time.purge": (timedelta(hours=1), purge)}

The row leaves with the commit of the unit that wrote it. A thread of the server drains the outbox
(JOBS=embedded), or Celery carries the ids of rows to workers of their own (JOBS=celery);
`flask jobs run` drains it once.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask, current_app

from gatehouse.infra import db, metrics
from gatehouse.infra.jobs import measures, outbox
from gatehouse.infra.jobs.desk import (
    counts,
    forget,
    forget_naming,
    found,
    hasten,
    listed,
    of_user,
    parked,
    purge,
    purge_before,
    retry,
    rows_of,
    waiting,
)
from gatehouse.infra.jobs.outbox import OutboxEntry, State
from gatehouse.infra.jobs.runner import (
    REGISTRY,
    Job,
    Permanent,
    Registry,
    TryLater,
    run_due,
)
from gatehouse.infra.jobs.thread import prepare, start_thread, stop_thread, wake

__all__ = [
    "OutboxEntry",
    "Permanent",
    "State",
    "TryLater",
    "counts",
    "declare",
    "enqueue",
    "forget",
    "forget_naming",
    "found",
    "hasten",
    "init_app",
    "listed",
    "of_user",
    "parked",
    "purge_before",
    "retry",
    "rows_of",
    "run_due",
    "start_thread",
    "stop_thread",
    "waiting",
]


def init_app(app: Flask) -> None:
    """Let `app` have work for later; starts no thread."""
    app.extensions[REGISTRY] = Registry()
    prepare(app)
    metrics.of(app).ask("outbox", measures.GAUGES, measures.read)
    declare(app, {}, {"outbox.purge": (timedelta(hours=1), purge)})


def declare(
    app: Flask,
    functions: Mapping[str, Job],
    periodic: Mapping[str, tuple[timedelta, Callable[[], Any]]] | None = None,
) -> None:
    """Say how rows of some kinds are performed, and what is to run every so often.

    A function of a kind takes the payload and the id of the row, and must bear repetition.
    Housekeeping runs once over all processes, and works in small units of its own.
    """
    registry: Registry = app.extensions[REGISTRY]
    registry.jobs.update(functions)
    registry.periodic.update(
        {outbox.PERIODIC + name: one for name, one in (periodic or {}).items()}
    )


def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    user_id: UUID | None = None,
    delay: timedelta | None = None,
    entry_id: UUID | None = None,
) -> UUID:
    """Write work down in the present unit; it begins after the commit, at once or after `delay`.

    Returns the id of the row. `user_id` is whose data the payload holds, for erasing it. Where the
    caller chooses the id, a second row with it is an IntegrityError at the end of the unit.
    """
    entry_id = outbox.add(kind, payload, user_id=user_id, delay=delay, entry_id=entry_id)
    if not delay:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        db.after_commit(lambda: wake(app, entry_id))
    return entry_id
