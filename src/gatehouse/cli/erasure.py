"""`flask users erase`: what no other command brings back."""

import click

from gatehouse import users as people_book
from gatehouse.cli import consent, people, standing
from gatehouse.cli.vocabulary import origin
from gatehouse.infra import db

group = standing.group


@group.command(examples=("flask users erase ada@example.com",))
@click.argument("person")
@consent.yes_option
def erase(person: str, is_sure: bool) -> None:
    """Erase an account for good, deleted or not.

    Everything that is kept about the person goes; the ledger keeps what happened, by ids alone.
    Deleted accounts are erased by themselves after RETENTION_DAYS.
    """
    row = people.any_state(person)
    consent.ask(f"Erase {row.email} ({row.id})? Nothing brings it back.", is_sure=is_sure)
    with db.unit():
        people_book.erase(row.id, actor=None, origin=origin())
    click.echo(f"erased {row.id}")
