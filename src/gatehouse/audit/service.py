"""Writing the ledger and reading it: facts beside the act, and repeated ones counted."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.audit import repository, tally
from gatehouse.audit.models import (
    ADDRESS_LENGTH,
    REQUEST_ID_LENGTH,
    TARGET_LENGTH,
    USER_AGENT_LENGTH,
)
from gatehouse.audit.vocabulary import AuditPermission
from gatehouse.core import clock
from gatehouse.core.events import Event, Fact
from gatehouse.core.network import bucket
from gatehouse.core.principal import Origin, Principal
from gatehouse.core.text import is_drawable
from gatehouse.feature import slots
from gatehouse.infra import db, jobs
from gatehouse.infra.logs import logger
from gatehouse.settings import settings

WINDOW = timedelta(minutes=10)
# As many events as an export holds at most, the latest.
EXPORTED = 10_000
FORGET = "audit.forget"
# As many as one piece of work blanks, well within its lease; another one goes on from there.
MOST_BATCHES = 20
_FIRST = str(UUID(int=0))


def record(
    event: Event,
    *,
    actor_id: UUID | None,
    subject_id: UUID | None,
    origin: Origin,
    details: Mapping[str, Any] | None = None,
    target: str | None = None,
) -> None:
    """Record a fact in the present unit: it is true exactly if the unit commits.

    `actor_id` is who did it (None: a stranger, or the command line), `subject_id` to whom,
    `target` to what else. `details` holds JSON, and neither secrets nor names nor addresses.
    Features that listen hear of it after the commit.
    """
    row = _row(event, actor_id, subject_id, origin=origin, details=details, target=target)
    repository.add(row)
    if event in slots().listeners:
        fact = Fact(
            event=event,
            occurred_at=row["occurred_at"],
            actor_id=actor_id,
            subject_id=subject_id,
            target=row["target"],
            origin=origin,
            details=row["details"],
        )
        db.after_commit(lambda: _tell(fact))


def record_counted(
    event: Event,
    *,
    key: tuple[str, ...],
    origin: Origin,
    actor_id: UUID | None = None,
    subject_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    target: str | None = None,
) -> None:
    """Record a fact that a client can repeat at will: one row a key and ten minutes, counted.

    Opens a unit of its own, so call it outside of any. A database that does not answer costs the
    row, never the refusal that is being told.
    """
    row = _row(event, actor_id, subject_id, origin=origin, details=details, target=target)
    window = int(row["occurred_at"].timestamp() // WINDOW.total_seconds())
    row["counted_as"] = sha256(repr((event.value, window, key)).encode()).hexdigest()
    due = tally.present().take(row["counted_as"])
    if not due:
        return
    try:
        with db.unit():
            repository.raise_or_add(row, by=due)
    except SQLAlchemyError as error:
        logger.warning("audit_count_lost", event_type=event, lost=due, error=type(error).__name__)


def record_throttled(event: Event, *, subject_id: UUID | None, origin: Origin) -> None:
    """Count a request that a throttle refused, by person and by address; outside of any unit."""
    key = (str(subject_id), bucket(origin.address))
    record_counted(event, key=key, origin=origin, subject_id=subject_id)


def listed(filters: Mapping[str, Any], *, caller: Principal) -> Select[Any]:
    """Return the query of what the caller may see; without `audit:read` only what is theirs."""
    return repository.listed(filters, of=scope_of(caller))


def latest(filters: Mapping[str, Any], *, limit: int) -> list[dict[str, Any]]:
    """Return events as an operator sees them, the latest first; filters are those of the API."""
    rows = repository.latest(filters, of=None, limit=limit)
    return [dict(row._mapping) for row in rows]


def scope_of(caller: Principal) -> UUID | None:
    """Return the person to whose events the caller is bound; None for all."""
    return None if caller.may(AuditPermission.READ) else caller.user_id


def shown(row: Mapping[str, Any], *, caller: Principal) -> dict[str, Any]:
    """Return the members of an event that the caller may see.

    Where somebody else acted upon them, a person without `audit:read` learns who and when, but
    not from which address.
    """
    event = dict(row)
    if not caller.may(AuditPermission.READ) and event["actor_id"] not in (None, caller.user_id):
        event["address"] = event["user_agent"] = None
    return event


def purge() -> None:
    """Delete what is older than AUDIT_RETENTION_DAYS, each batch in a unit of its own."""
    before = clock.now() - timedelta(days=settings.audit_retention_days)
    while True:
        with db.unit():
            count = repository.purge(before)
        if count < repository.BATCH:
            return


def export(user_id: UUID) -> dict[str, Any]:
    """Return what a person did and what was done to them, without anybody else's traces."""
    rows = repository.latest({}, of=user_id, limit=EXPORTED)
    return {"events": [_own(dict(row._mapping), user_id) for row in rows]}


def forget(user_id: UUID) -> None:
    """Have address and user agent nulled in what a person did; ids stay. In the present unit.

    By a job, because a person may have very many events. Its row holds their id alone and does not
    belong to them: else it would be forgotten with their other work.
    """
    jobs.enqueue(FORGET, {"user_id": str(user_id)})


def blank(payload: dict[str, Any], _entry_id: UUID) -> None:
    """Null address and user agent in what a person did, each batch in a unit of its own."""
    user_id, after = UUID(payload["user_id"]), UUID(payload.get("after", _FIRST))
    for _ in range(MOST_BATCHES):
        with db.unit():
            reached = repository.blank(user_id, after=after)
        if reached is None:
            return
        after = reached
    with db.unit():
        jobs.enqueue(FORGET, {"user_id": str(user_id), "after": str(after)})


def _row(
    event: Event,
    actor_id: UUID | None,
    subject_id: UUID | None,
    *,
    origin: Origin,
    details: Mapping[str, Any] | None,
    target: str | None,
) -> dict[str, Any]:
    return {
        "type": event.value,
        "occurred_at": clock.now(),
        "actor_id": actor_id,
        "subject_id": subject_id,
        "target": None if target is None else _cleaned(target, TARGET_LENGTH),
        "address": _cleaned(origin.address, ADDRESS_LENGTH),
        "user_agent": _cleaned(origin.user_agent, USER_AGENT_LENGTH),
        "request_id": _cleaned(origin.request_id, REQUEST_ID_LENGTH),
        "details": dict(details or {}),
    }


def _tell(fact: Fact) -> None:
    """Let features hear what is done; none of them can undo it, or spoil the answer."""
    for listener in slots().listeners[fact.event]:
        try:
            listener(fact)
        except Exception as error:
            logger.error("listener_failed", event_type=fact.event, exc_info=error)


def _own(event: dict[str, Any], user_id: UUID) -> dict[str, Any]:
    """Take out of an event who else was part of it, and where they were."""
    if event["actor_id"] not in (None, user_id):
        event |= {"actor_id": None, "address": None, "user_agent": None}
    if event["subject_id"] != user_id:
        event |= {"subject_id": None, "target": None}
    return event


def _cleaned(text: str, length: int) -> str:
    """Cut what a client sent, and replace what cannot be shown or stored (NUL, surrogates)."""
    text = text[:length]
    if is_drawable(text):
        return text
    return "".join(c if is_drawable(c) else "\N{REPLACEMENT CHARACTER}" for c in text)
