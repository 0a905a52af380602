"""How a piece of work is done: claimed in one unit, performed with none, marked in another.

It is done at least once: a process that dies in between leaves a lease that runs out. What fails
is tried again ever later, and parked after five attempts.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid5

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.infra.jobs import outbox
from gatehouse.infra.jobs.outbox import Claim, OutboxEntry, State
from gatehouse.infra.logs import logger
from gatehouse.infra.logs.lines import finished

Job = Callable[[dict[str, Any], UUID], Any]

REGISTRY = "gatehouse.jobs"
MOST_ATTEMPTS = 5
FIRST_RETRY = timedelta(seconds=10)
LEASE, PERIODIC_LEASE = timedelta(seconds=60), timedelta(minutes=15)
# For TryLater: as long again as it has waited already, within these bounds, for a day.
LATER_AT_LEAST, LATER_AT_MOST = timedelta(seconds=10), timedelta(minutes=30)
LATER_NO_MORE = timedelta(days=1)
# Housekeeping has one row a task, whose id every process derives from the task's name.
_NAMES = UUID("7f1ad6f2-6c2c-5d4b-9a35-0c1f6f5f6c11")


@dataclass(frozen=True, slots=True)
class Registry:
    """What one application can perform: functions by kind, and housekeeping by name."""

    jobs: dict[str, Job] = field(default_factory=dict)
    periodic: dict[str, tuple[timedelta, Callable[[], Any]]] = field(default_factory=dict)


class Permanent(Exception):
    """Raised by a job that no further attempt will help: its row is parked at once."""


class TryLater(Exception):
    """Raised by a job whose counterpart is away: tried for a day, not counted as an attempt."""


def run_due(limit: int = 100) -> int:
    """Perform up to `limit` pieces of work that are due and return how many those were."""
    for number in range(limit):
        if not _run_next():
            return number
    return limit


def run_one(entry_id: UUID) -> bool:
    """Perform this piece of work if it is due and nobody else is at it; tell whether it was."""
    return _run_next(entry_id)


def due(limit: int) -> list[tuple[UUID, bool]]:
    """Return the ids of work that is due, and whether each is housekeeping."""
    known = _registry()
    rows = outbox.due(leases(), limit=limit)
    return [(row.id, row.kind in known.periodic) for row in rows]


def leases() -> dict[str, timedelta]:
    """Return every kind that this program can perform, and for how long it is claimed."""
    known = _registry()
    return dict.fromkeys(known.jobs, LEASE) | dict.fromkeys(known.periodic, PERIODIC_LEASE)


def _run_next(entry_id: UUID | None = None) -> bool:
    kinds = leases()
    if not outbox.is_due(kinds, entry_id=entry_id):
        return False
    with db.unit():
        claim = outbox.claim(kinds, entry_id=entry_id)
    if claim is None:
        return False
    if not _mark(claim, _outcome(claim)):
        logger.warning("job_lease_lost", kind=claim.kind, id=claim.id)
    return True


def ensure_periodic() -> None:
    """Write the rows of housekeeping tasks that have none yet."""
    kinds = {uuid5(_NAMES, kind): kind for kind in _registry().periodic}
    found = db.reader.rows(select(OutboxEntry.id).where(OutboxEntry.id.in_(kinds)))
    for entry_id in kinds.keys() - {row.id for row in found}:
        try:
            with db.unit():
                outbox.add(kinds[entry_id], {}, entry_id=entry_id)
        except IntegrityError:
            continue  # another process was faster


def _outcome(claim: Claim) -> dict[str, Any]:
    """Perform a claimed row and return what is to be written about it."""
    known = _registry()
    if claim.kind in known.periodic:
        return _periodic_outcome(claim)
    if claim.attempts > MOST_ATTEMPTS:
        return _parked(claim, "its process ended every time")
    try:
        with current_app.app_context():
            known.jobs[claim.kind](claim.payload, claim.id)
    except Permanent as error:
        return _parked(claim, _told(error))
    except TryLater as error:
        age = clock.now() - claim.created_at
        if age > LATER_NO_MORE:
            return _parked(claim, _told(error))
        pause = min(max(age, LATER_AT_LEAST), LATER_AT_MOST)
        return _again(claim, pause, _told(error)) | {"attempts": claim.attempts - 1}
    except Exception as error:  # whatever it is, the row says it and the others go on
        if claim.attempts >= MOST_ATTEMPTS:
            return _parked(claim, _told(error))
        return _again(claim, FIRST_RETRY * 3 ** (claim.attempts - 1), _told(error))
    # The payload may hold an address, and has served its purpose.
    return {"state": State.DONE, "done_at": clock.now(), "payload": {}, "last_error": None}


def _periodic_outcome(claim: Claim) -> dict[str, Any]:
    every, function = _registry().periodic[claim.kind]
    try:
        with current_app.app_context():
            function()
    except Exception as error:  # housekeeping is never given up
        return _again(claim, min(every, FIRST_RETRY * 3 ** min(claim.attempts, 6)), _told(error))
    again_at = clock.now() + _blurred(every)
    return {"state": State.WAITING, "attempts": 0, "available_at": again_at, "last_error": None}


def _mark(claim: Claim, outcome: dict[str, Any]) -> bool:
    """Write what became of a row; False if the lease was lost.

    What is done but not marked would be done twice, so it outlasts a short want of the database.
    """
    while True:
        try:
            with db.unit():
                return outbox.mark(claim, **outcome)
        except SQLAlchemyError:
            if clock.now() + timedelta(seconds=2) > claim.leased_until:
                raise
            time.sleep(1)


def _again(claim: Claim, pause: timedelta, error: str) -> dict[str, Any]:
    logger.warning("job_failed", kind=claim.kind, id=claim.id, attempts=claim.attempts, error=error)
    available_at = clock.now() + _blurred(pause)
    return {"state": State.WAITING, "available_at": available_at, "last_error": error}


def _parked(claim: Claim, error: str) -> dict[str, Any]:
    logger.error("job_parked", kind=claim.kind, id=claim.id, attempts=claim.attempts, error=error)
    return {"state": State.PARKED, "last_error": error}


def _told(error: Exception) -> str:
    return finished(f"{type(error).__name__}: {error}")[:500]


def _blurred(pause: timedelta) -> timedelta:
    """Return about `pause`, so that what failed together does not come back together."""
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def _registry() -> Registry:
    return cast(Registry, current_app.extensions[REGISTRY])
