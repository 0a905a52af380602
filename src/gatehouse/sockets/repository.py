"""All SQL about tickets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.sockets.models import SpentTicket


def spend(ticket_id: UUID, *, expires_at: datetime) -> bool:
    """Write a ticket down in the present unit; False if it was there. One statement decides."""
    statement = db.upsert(SpentTicket).values(id=ticket_id, expires_at=expires_at)
    spent = statement.on_conflict_do_nothing().returning(SpentTicket.id)
    return db.session.execute(spent).one_or_none() is not None


def purge() -> None:
    """Delete tickets that nobody could use any more."""
    with db.unit():
        db.session.execute(
            delete(SpentTicket)
            .where(SpentTicket.expires_at < clock.now())
            .execution_options(synchronize_session=False)
        )
