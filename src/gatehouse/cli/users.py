"""`flask users`: make accounts, look at them, and give them passwords."""

from typing import Any
from uuid import UUID

import click

from gatehouse import roles as role_book
from gatehouse import sessions
from gatehouse import users as people_book
from gatehouse.cli import output, passwords, people
from gatehouse.cli import sessions as listing
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import origin
from gatehouse.web import validation

_COLUMNS = ("id", "email", "username", "roles", "is_active", "is_verified", "created_at")
_HEADINGS = ("id", "email", "username", "roles", "active", "verified", "created")


@click.group("users", cls=Group)
def group() -> None:
    """Accounts of people.

    PERSON is an e-mail address, a username or an id.
    """


@group.command(
    examples=(
        "flask users create ada@example.com",
        "flask users create ada@example.com --role admin --generate",
        "pwgen 20 1 | flask users create ada@example.com --password-stdin",
    )
)
@click.argument("email")
@click.option("--username", help="3 to 50 letters, digits, dots, dashes, underscores.")
@click.option("--name", help="The person's name.")
@click.option("--locale", metavar="TAG", help="A language tag like de or pt-BR.")
@click.option(
    "--role",
    "role_names",
    metavar="ROLE",
    multiple=True,
    help="In place of the role user; may be repeated.",
)
@click.option("--inactive", is_flag=True, help="The account does not open yet.")
@passwords.options
@output.json_option
def create(
    email: str,
    username: str | None,
    name: str | None,
    locale: str | None,
    role_names: tuple[str, ...],
    inactive: bool,
    from_stdin: bool,
    generate: bool,
    is_permanent: bool,
    as_json: bool,
) -> None:
    """Make an account.

    Asks for its first password, which the person has to change at log-in.
    """
    known_roles(role_names)
    password = passwords.read(from_stdin=from_stdin, generate=generate)
    given: dict[str, Any] = {"username": username, "name": name, "locale": locale}
    body = {"email": email, "password": password, "is_active": not inactive}
    body |= {member: value for member, value in given.items() if value is not None}
    if role_names:
        body["roles"] = list(role_names)
    row = people_book.create(
        validation.load(people_book.UserCreate(), body),
        actor=None,
        origin=origin(),
        is_permanent=is_permanent,
    )
    if as_json:
        made = {"password": password} if generate else {}
        output.as_json(people_book.document(people.living(str(row.id))) | made)
        return
    click.echo(f"created {row.id} {row.email}")
    if generate:
        passwords.show(password, is_permanent=is_permanent)


@group.command(
    name="list",
    examples=(
        "flask users list --role admin",
        "flask users list --q ada --json",
        "flask users list --deleted",
    ),
)
@click.option("--q", "prefix", metavar="PREFIX", help="Beginning of e-mail address or username.")
@click.option("--role", metavar="ROLE", help="Only people who have this role.")
@click.option("--active/--inactive", "is_active", default=None, help="Only these.")
@click.option("--deleted", "is_deleted", is_flag=True, help="Deleted accounts, not the living.")
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="How many at most.",
)
@output.json_option
def list_(
    prefix: str | None,
    role: str | None,
    is_active: bool | None,
    is_deleted: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List accounts, the latest first."""
    rows = people.listed(
        prefix=prefix,
        role_id=None if role is None else known_roles((role,))[0],
        is_active=is_active,
        is_deleted=is_deleted,
        limit=limit + 1,
    )
    documents = [people_book.document(row) for row in rows[:limit]]
    if as_json:
        output.as_json(documents)
        return
    output.table(
        _HEADINGS,
        ([document[name] for name in _COLUMNS] for document in documents),
        nothing="there is no such account; `flask users create EMAIL` makes one",
    )
    if len(rows) > limit:
        click.echo(f"there are more than {limit}; --limit shows more", err=True)


@group.command(examples=("flask users show ada@example.com", "flask users show ada --json"))
@click.argument("person")
@output.json_option
def show(person: str, as_json: bool) -> None:
    """Show an account and its sessions.

    A deleted account is found too, until it is erased.
    """
    row = people.any_state(person)
    document = people_book.document(row) | {
        "must_change_password": row.must_change_password,
        "deleted_at": row.deleted_at,
    }
    living = sessions.list_of(row.id)
    if as_json:
        output.as_json(document | {"sessions": [listing.document(one) for one in living]})
        return
    output.record(document)
    if living:
        click.echo()
        listing.print_table(living)


@group.command(
    "set-password",
    examples=(
        "flask users set-password ada@example.com",
        "flask users set-password ada@example.com --generate",
    ),
)
@click.argument("person")
@passwords.options
def set_password(person: str, from_stdin: bool, generate: bool, is_permanent: bool) -> None:
    """Give a person another password.

    All their sessions end. They have to change it at log-in, unless it is --permanent.
    """
    row = people.living(person)
    password = passwords.read(from_stdin=from_stdin, generate=generate)
    people_book.assign_password(row.id, password, is_permanent=is_permanent, origin=origin())
    click.echo(f"changed the password of {row.email}")
    if generate:
        passwords.show(password, is_permanent=is_permanent)


def known_roles(names: tuple[str, ...]) -> list[UUID]:
    """Return the ids of these roles; fails where one does not exist."""
    ids: dict[str, UUID] = {role["name"]: role["id"] for role in role_book.everything()}
    for name in names:
        if name not in ids:
            raise Failed(f"there is no role {output.cell(name)}; there are {', '.join(ids)}")
    return [ids[name] for name in names]
