"""`flask sessions`: the log-ins of a person, and how they are ended."""

from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import update

from gatehouse import audit, users
from gatehouse import sessions as book
from gatehouse.cli import consent, output, people
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.output import cell
from gatehouse.cli.vocabulary import origin
from gatehouse.core import clock
from gatehouse.core.ids import parse_id
from gatehouse.infra import db

_COLUMNS = ("id", "created_at", "last_used_at", "expires_at", "address", "user_agent")
_HEADINGS = ("session", "since", "last used", "ends", "address", "client")


@click.group("sessions", cls=Group)
def group() -> None:
    """Log-ins of people on their devices."""


@group.command(
    name="list",
    examples=("flask sessions list ada@example.com", "flask sessions list ada --json"),
)
@click.argument("person")
@output.json_option
def list_(person: str, as_json: bool) -> None:
    """List the living sessions of a person."""
    living = book.list_of(people.living(person).id)
    if as_json:
        output.as_json([document(one) for one in living])
    else:
        print_table(living)


@group.command(
    examples=(
        "flask sessions revoke ada@example.com",
        "flask sessions revoke --session 01a1f9ce-0deb-738f-bb98-f2320bec0775",
    )
)
@click.argument("person", required=False)
@click.option("--session", "session_text", metavar="ID", help="Only this session.")
@consent.yes_option
def revoke(person: str | None, session_text: str | None, is_sure: bool) -> None:
    """End every session of a person, or one.

    Its tokens are refused at once. The person can log in again: `flask users deactivate` ends
    that too.
    """
    if (person is None) == (session_text is None):
        raise click.UsageError("name a person, or a session with --session")
    if session_text is not None:
        _end_one(session_text)
    else:
        _end_all(str(person), is_sure=is_sure)


def document(one: dict[str, Any]) -> dict[str, Any]:
    """Return a session without what only its bearer can know."""
    return {name: value for name, value in one.items() if name != "is_current"}


def print_table(living: Sequence[dict[str, Any]]) -> None:
    """Print sessions, the client last and in as many lines as it needs."""
    rows = ([one[name] for name in _COLUMNS] for one in living)
    output.table(_HEADINGS, rows, prose=("client",), nothing="there is no living session")


def _end_all(person: str, *, is_sure: bool) -> None:
    row = people.living(person)
    count = len(book.list_of(row.id))
    consent.ask(f"End every session of {row.email} ({count})?", is_sure=is_sure)
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
