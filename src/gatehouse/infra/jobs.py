"""Work for later: written down with `enqueue`, done by whoever drains the outbox.

A feature registers the function of a kind, and housekeeping that runs every so often:

    jobs.register("mail", deliver)                       # deliver(payload, entry_id)
    jobs.register_periodic("purge", timedelta(hours=1), purge)

The row leaves with the commit of the unit that wrote it. In one process a thread of the server
drains the outbox; `flask jobs run` does the same once.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app

from gatehouse.infra import db, outbox
from gatehouse.infra.job_runner import (
    Permanent,
    TryLater,
    register,
    register_periodic,
    run_due,
)
from gatehouse.infra.job_thread import start_thread, stop_thread, wake
from gatehouse.infra.outbox import OutboxEntry, State, counts, forget, parked, retry

__all__ = [
    "OutboxEntry",
    "Permanent",
    "State",
    "TryLater",
    "counts",
    "enqueue",
    "forget",
    "parked",
    "register",
    "register_periodic",
    "retry",
    "run_due",
    "start_thread",
    "stop_thread",
]


def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    user_id: UUID | None = None,
    delay: timedelta | None = None,
) -> UUID:
    """Write work down in the present unit; it begins after the commit, at once or after `delay`.

    Returns the id of the row. `user_id` is whose data the payload holds, for erasing it.
    """
    entry_id = outbox.add(kind, payload, user_id=user_id, delay=delay)
    if not delay:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        db.after_commit(lambda: wake(app))
    return entry_id
