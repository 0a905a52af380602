"""What is asked about the outbox besides doing its work: counts, what was given up, forgetting."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, RowMapping, delete, func, select, update

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.infra.outbox import PERIODIC, OutboxEntry, State

KEPT_WHEN_DONE = timedelta(days=7)
BATCH = 1_000


def counts() -> dict[str, int]:
    """Return the number of rows by state, housekeeping left out."""
    rows = db.reader.rows(
        select(OutboxEntry.state, func.count().label("number"))
        .where(OutboxEntry.kind.not_like(f"{PERIODIC}%"))
        .group_by(OutboxEntry.state)
    )
    found = {row.state: row.number for row in rows}
    return {state.value: found.get(state.value, 0) for state in State}


def parked(*, limit: int = 100) -> Sequence[RowMapping]:
    """Return the rows that were given up, oldest first, without their payload."""
    table = OutboxEntry
    columns = (table.id, table.kind, table.user_id, table.attempts, table.last_error)
    rows = db.reader.rows(
        select(*columns, table.created_at)
        .where(table.state == State.PARKED)
        .order_by(table.id)
        .limit(limit)
    )
    return [row._mapping for row in rows]


def retry(entry_id: UUID) -> bool:
    """Let a parked row wait again, from the first attempt; in a unit. False if it is not parked."""
    done = db.session.execute(
        update(OutboxEntry.__table__)  # type: ignore[arg-type]
        .where(OutboxEntry.id == entry_id, OutboxEntry.state == State.PARKED)
        .values(state=State.WAITING, attempts=0, available_at=clock.now(), created_at=clock.now())
    )
    return cast("CursorResult[Any]", done).rowcount == 1


def of_user(user_id: UUID, *, kind: str) -> list[UUID]:
    """Return the ids of a person's rows of one kind; in a unit."""
    statement = select(OutboxEntry.id).where(
        OutboxEntry.user_id == user_id, OutboxEntry.kind == kind
    )
    return list(db.session.scalars(statement))


def forget(user_id: UUID, *, kind: str | None = None) -> None:
    """Delete a person's rows, whatever their state; in a unit."""
    statement = delete(OutboxEntry).where(OutboxEntry.user_id == user_id)
    if kind is not None:
        statement = statement.where(OutboxEntry.kind == kind)
    db.session.execute(statement.execution_options(synchronize_session=False))


def purge() -> None:
    """Delete rows that were done long ago, in small units of its own."""
    over = clock.now() - KEPT_WHEN_DONE
    old = select(OutboxEntry.id).where(OutboxEntry.done_at < over).limit(BATCH)
    while True:
        with db.unit():
            done = db.session.execute(
                delete(OutboxEntry.__table__).where(OutboxEntry.id.in_(old))  # type: ignore[arg-type]
            )
        if cast("CursorResult[Any]", done).rowcount < BATCH:
            return
