"""`flask users`: make accounts, look at them, and open or close them."""

from typing import Any
from uuid import UUID

import click
from sqlalchemy import Row

from gatehouse import roles as role_book
from gatehouse import sessions
from gatehouse import users as people_book
from gatehouse.cli import output, passwords, people
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import origin
from gatehouse.infra import db
from gatehouse.web import validation

_COLUMNS = ("id", "email", "username", "roles", "is_active", "is_verified", "created_at")
_HEADINGS = ("id", "email", "username", "roles", "active", "verified", "created")


@click.group("users", cls=Group)
def group() -> None:
    """Accounts of people, each named by e-mail address, username or id."""


@group.command()
@click.argument("email")
@click.option("--username", help="3 to 50 letters, digits, dots, dashes, underscores.")
@click.option("--name", help="The person's name.")
@click.option("--locale", help="A language tag like de or pt-BR.")
@click.option(
    "--role", "role_names", multiple=True, help="In place of the role user; may be repeated."
)
@click.option("--inactive", is_flag=True, help="The account does not open yet.")
@passwords.options
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
) -> None:
    """Make an account; asks for the password, which must be changed at log-in."""
    _known_roles(role_names)
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
    click.echo(f"created {row.id} {row.email}")
    if generate:
        passwords.show(password, is_permanent=is_permanent)


@group.command(name="list")
@click.option("--q", "prefix", metavar="PREFIX", help="Beginning of e-mail address or username.")
@click.option("--role", help="Only people who have this role.")
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
        role_id=None if role is None else _known_roles((role,))[0],
        is_active=is_active,
        is_deleted=is_deleted,
        limit=limit + 1,
    )
    documents = [people_book.document(row) for row in rows[:limit]]
    if as_json:
        output.as_json(documents)
        return
    output.table(_HEADINGS, ([document[name] for name in _COLUMNS] for document in documents))
    if len(rows) > limit:
        click.echo(f"there are more than {limit}; --limit shows more", err=True)


@group.command()
@click.argument("person")
@output.json_option
def show(person: str, as_json: bool) -> None:
    """Show an account and its sessions; deleted ones too."""
    row = people.any_state(person)
    document = people_book.document(row) | {
        "must_change_password": row.must_change_password,
        "deleted_at": row.deleted_at,
    }
    living = sessions.list_of(row.id)
    if as_json:
        output.as_json(document | {"sessions": [_session(one) for one in living]})
        return
    output.record(document)
    if not living:
        return
    click.echo()
    output.table(
        ("session", "since", "last used", "ends", "address", "client"),
        [
            (
                one["id"],
                one["created_at"],
                one["last_used_at"],
                one["expires_at"],
                one["address"],
                one["user_agent"],
            )
            for one in living
        ],
    )


@group.command("set-password")
@click.argument("person")
@passwords.options
def set_password(person: str, from_stdin: bool, generate: bool, is_permanent: bool) -> None:
    """Give a person another password; ends their sessions, and must be changed at log-in."""
    row = people.living(person)
    password = passwords.read(from_stdin=from_stdin, generate=generate)
    people_book.assign_password(row.id, password, is_permanent=is_permanent, origin=origin())
    click.echo(f"changed the password of {row.email}")
    if generate:
        passwords.show(password, is_permanent=is_permanent)


@group.command()
@click.argument("person")
@click.argument("role_names", metavar="ROLE...", nargs=-1, required=True)
def grant(person: str, role_names: tuple[str, ...]) -> None:
    """Give a person roles, in force with their next request."""
    _change_roles(people_book.grant, person, role_names)


@group.command()
@click.argument("person")
@click.argument("role_names", metavar="ROLE...", nargs=-1, required=True)
def revoke(person: str, role_names: tuple[str, ...]) -> None:
    """Take roles from a person; one active super_admin always remains."""
    _change_roles(people_book.take, person, role_names)


@group.command()
@click.argument("person")
def activate(person: str) -> None:
    """Let an account open again."""
    _set_active(person, True)


@group.command()
@click.argument("person")
def deactivate(person: str) -> None:
    """Close an account: every session and token of it ends at once."""
    _set_active(person, False)


@group.command()
@click.argument("person")
def restore(person: str) -> None:
    """Bring a deleted account back, within RETENTION_DAYS."""
    row = people.deleted(person)
    with db.unit():
        restored = people_book.restore(row.id, actor=None, origin=origin())
    click.echo(f"restored {restored.id} {restored.email}")
    if row.username and not restored.username:
        click.echo(f"the username {row.username} belongs to somebody else by now", err=True)


@group.command()
@click.argument("person")
def unlock(person: str) -> None:
    """Forget the wrong guesses at an account, so that its owner can log in now."""
    row = people.living(person)
    with db.unit():
        people_book.unlock(row.id, actor=None, origin=origin())
    click.echo(f"unlocked {row.email}")


def _change_roles(change: Any, person: str, role_names: tuple[str, ...]) -> None:
    _known_roles(role_names)
    row = people.living(person)
    with db.unit():
        for name in role_names:
            after: Row[Any] = change(row.id, name, actor=None, origin=origin())
    held = ", ".join(after.role_names) or "no roles"
    is_same = set(after.role_names) == set(row.role_names)
    click.echo(f"{row.email} {'had already' if is_same else 'now has'} {held}")


def _set_active(person: str, is_active: bool) -> None:
    row = people.living(person)
    state = "active" if is_active else "inactive"
    if row.is_active is is_active:
        click.echo(f"{row.email} is {state} already")
        return
    people_book.change(row.id, {"is_active": is_active}, actor=None, origin=origin())
    click.echo(f"{row.email} is {state}")


def _known_roles(names: tuple[str, ...]) -> list[UUID]:
    """Return the ids of these roles; fails where one does not exist."""
    ids: dict[str, UUID] = {role["name"]: role["id"] for role in role_book.everything()}
    for name in names:
        if name not in ids:
            raise Failed(f"there is no role {output.cell(name)}; there are {', '.join(ids)}")
    return [ids[name] for name in names]


def _session(one: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only the bearer of a session can know."""
    return {name: value for name, value in one.items() if name != "is_current"}
