"""How full the outbox is and for how long its oldest work has been due: one statement a scrape."""

from collections.abc import Iterable

from sqlalchemy import and_, case, func, or_, select, type_coerce, union_all

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.infra.jobs.outbox import IS_OPEN, IS_PARKED, PERIODIC, OutboxEntry, State
from gatehouse.infra.metrics import Gauge, Reading

DEPTH = Gauge("gatehouse_outbox_entries", "Work that waits, runs or was given up.", ("state",))
AGE = Gauge("gatehouse_outbox_oldest_seconds", "For how long the oldest work has been due.")
GAUGES = (DEPTH, AGE)

_OPEN = (State.WAITING, State.LEASED)


def read() -> Iterable[Reading]:
    """Give the readings; housekeeping, which waits for its hour, is left out."""
    now = clock.now()
    # What failed waits for its next try and is late all the same.
    is_late = or_(OutboxEntry.attempts > 0, OutboxEntry.available_at <= now)
    since = case((OutboxEntry.attempts > 0, OutboxEntry.created_at), else_=OutboxEntry.available_at)
    oldest = func.min(case((and_(OutboxEntry.state.in_(_OPEN), is_late), since)))
    by_state = (
        select(
            OutboxEntry.state,
            func.count().label("number"),
            type_coerce(oldest, db.UtcDateTime()).label("oldest"),
        )
        .where(OutboxEntry.kind.not_like(f"{PERIODIC}%"))
        .group_by(OutboxEntry.state)
    )
    # Each half has an index that holds no row which was done.
    rows = db.reader.rows(union_all(by_state.where(IS_OPEN), by_state.where(IS_PARKED)))
    numbers = {row.state: row.number for row in rows}
    for state in (*_OPEN, State.PARKED):
        yield Reading(DEPTH, numbers.get(state, 0), (state.value,))
    begun = min((row.oldest for row in rows if row.oldest is not None), default=now)
    yield Reading(AGE, max(0.0, (now - begun).total_seconds()))
