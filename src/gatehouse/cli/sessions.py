"""`flask sessions`: end them; `flask users show` lists those of a person."""

import click
from sqlalchemy import update

from gatehouse import audit, users
from gatehouse import sessions as book
from gatehouse.cli import people
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.output import cell
from gatehouse.cli.vocabulary import origin
from gatehouse.core import clock
from gatehouse.core.ids import parse_id
from gatehouse.infra import db


@click.group("sessions", cls=Group)
def group() -> None:
    """Log-ins of people on their devices."""


@group.command()
@click.argument("person", required=False)
@click.option("--session", "session_text", metavar="ID", help="Only this session.")
def revoke(person: str | None, session_text: str | None) -> None:
    """End every session of a person, or one session; its tokens are dead at once."""
    if (person is None) == (session_text is None):
        raise click.UsageError("name a person, or a session with --session")
    if session_text is not None:
        _end_one(session_text)
    else:
        _end_all(str(person))


def _end_all(person: str) -> None:
    row = people.living(person)
    count = len(book.list_of(row.id))
    with db.unit():
        users.raise_epoch(row.id)
        audit.record(book.SessionEvent.ALL_ENDED, actor_id=None, subject_id=row.id, origin=origin())
    click.echo(f"ended every session of {row.email} ({count})")


def _end_one(text: str) -> None:
    session_id = parse_id(text.lower())
    found = people.session_of(session_id) if session_id is not None else None
    if found is None:
        raise Failed(f"there is no living session {cell(text)}")
    table = book.Session.__table__
    with db.unit():
        db.session.execute(
            update(book.Session)
            .where(table.c.id == found.id, table.c.revoked_at.is_(None))
            .values(revoked_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        audit.record(
            book.SessionEvent.ENDED,
            actor_id=None,
            subject_id=found.user_id,
            origin=origin(),
            target=str(found.id),
        )
    click.echo(f"ended session {found.id}")
