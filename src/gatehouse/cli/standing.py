"""`flask users`, continued: roles of accounts, and whether they are open."""

from typing import Any

import click
from sqlalchemy import Row

from gatehouse import users as people_book
from gatehouse.cli import consent, people
from gatehouse.cli import users as making
from gatehouse.cli.vocabulary import origin
from gatehouse.infra import db

group = making.group


@group.command(examples=("flask users grant ada@example.com admin",))
@click.argument("person")
@click.argument("role_names", metavar="ROLE...", nargs=-1, required=True)
def grant(person: str, role_names: tuple[str, ...]) -> None:
    """Give a person roles.

    They are in force with the next request, on the tokens that the person has.
    """
    _change_roles(people_book.grant, person, role_names)


@group.command(examples=("flask users revoke ada@example.com admin",))
@click.argument("person")
@click.argument("role_names", metavar="ROLE...", nargs=-1, required=True)
def revoke(person: str, role_names: tuple[str, ...]) -> None:
    """Take roles from a person.

    The next request is judged without them. One active super_admin always remains.
    """
    _change_roles(people_book.take, person, role_names)


@group.command(examples=("flask users activate ada@example.com",))
@click.argument("person")
def activate(person: str) -> None:
    """Open an account that was deactivated.

    Its old sessions stay ended: the person logs in again.
    """
    _set_active(person, True)


@group.command(examples=("flask users deactivate ada@example.com --yes",))
@click.argument("person")
@consent.yes_option
def deactivate(person: str, is_sure: bool) -> None:
    """Close an account and end its sessions.

    Nothing is deleted; its tokens are refused at once, also after `flask users activate`.
    """
    row = people.living(person)
    if row.is_active:
        consent.ask(f"Close {row.email} and end its sessions?", is_sure=is_sure)
    _set_active(person, False)


@group.command(examples=("flask users restore ada@example.com",))
@click.argument("person")
def restore(person: str) -> None:
    """Bring a deleted account back.

    That is possible for RETENTION_DAYS, and while nobody else has the address.
    """
    row = people.deleted(person)
    with db.unit():
        restored = people_book.restore(row.id, actor=None, origin=origin())
    click.echo(f"restored {restored.id} {restored.email}")
    if row.username and not restored.username:
        click.echo(f"the username {row.username} belongs to somebody else by now", err=True)


@group.command(examples=("flask users unlock ada@example.com",))
@click.argument("person")
def unlock(person: str) -> None:
    """Let somebody log in who guessed too often.

    Forgets the wrong guesses at the account, whoever made them.
    """
    row = people.living(person)
    with db.unit():
        people_book.unlock(row.id, actor=None, origin=origin())
    click.echo(f"unlocked {row.email}")


def _change_roles(change: Any, person: str, role_names: tuple[str, ...]) -> None:
    making.known_roles(role_names)
    row = people.living(person)
    with db.unit():
        for name in role_names:
            after: Row[Any] = change(row.id, name, actor=None, origin=origin())
    held = ", ".join(after.role_names) or "no roles"
    is_same = set(after.role_names) == set(row.role_names)
    click.echo(f"{row.email} {'already had' if is_same else 'now has'} {held}")


def _set_active(person: str, is_active: bool) -> None:
    row = people.living(person)
    state = "active" if is_active else "inactive"
    if row.is_active is is_active:
        click.echo(f"{row.email} is {state} already")
        return
    people_book.change(row.id, {"is_active": is_active}, actor=None, origin=origin())
    click.echo(f"{row.email} is {state}")
