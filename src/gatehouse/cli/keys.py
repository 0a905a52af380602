"""`flask keys`: the keys that sign access tokens."""

from datetime import timedelta

import click

from gatehouse import audit
from gatehouse.cli import output
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import CommandEvent, origin
from gatehouse.infra import db
from gatehouse.infra import keys as book
from gatehouse.settings import settings

_AHEAD_SECONDS = int(book.PUBLISHED_AHEAD.total_seconds())

ahead_option = click.option(
    "--in",
    "ahead_seconds",
    metavar="SECONDS",
    default=_AHEAD_SECONDS,
    show_default=True,
    type=click.IntRange(0, 30 * 86_400),
    help="It signs after this time, in which others learn of it.",
)


@click.group("keys", cls=Group)
def group() -> None:
    """Keys that sign access tokens; they are published under /.well-known/jwks.json."""


@group.command()
@click.option(
    "--algorithm",
    type=click.Choice(["EdDSA", "RS256"]),
    help="By default what ALGORITHM says.",
)
@ahead_option
def generate(algorithm: str | None, ahead_seconds: int) -> None:
    """Make a key beside the others; the first one signs at once."""
    _refuse_elsewhere()
    is_first = all(key.state == "retired" for key in book.list_keys())
    ahead = timedelta(seconds=0 if is_first else ahead_seconds)
    kid = book.generate(algorithm, activates_in=ahead)
    _note(CommandEvent.KEY_GENERATED, kid)
    click.echo(f"made {kid}, which signs {_when(ahead)}")


@group.command(name="list")
@output.json_option
def list_(as_json: bool) -> None:
    """List keys: coming, signing, trusted (verifies only) and retired."""
    _refuse_elsewhere()
    columns = ("kid", "algorithm", "state", "created_at", "activates_at", "retires_at")
    rows = [{name: getattr(key, name) for name in columns} for key in book.list_keys()]
    if as_json:
        output.as_json(rows)
    else:
        output.table(columns, (list(row.values()) for row in rows))


@group.command()
@ahead_option
def rotate(ahead_seconds: int) -> None:
    """Make the next key; the present ones retire when their last token has expired."""
    _refuse_elsewhere()
    ahead = timedelta(seconds=ahead_seconds)
    kid = book.rotate(activates_in=ahead)
    _note(CommandEvent.KEY_GENERATED, kid)
    click.echo(f"made {kid}, which signs {_when(ahead)}")
    for key in book.list_keys():
        if key.kid != kid and key.state != "retired":
            click.echo(f"{key.kid} is trusted until {output.cell(key.retires_at)}")


# A key id may begin with a dash.
@group.command(context_settings={"ignore_unknown_options": True})
@click.argument("kid")
@click.option(
    "--after",
    "after_minutes",
    metavar="MINUTES",
    default=0,
    show_default=True,
    type=click.IntRange(0, 43_200),
    help="Trust it for as long as this.",
)
def retire(kid: str, after_minutes: int) -> None:
    """Stop trusting a key: tokens that it signed are refused."""
    _refuse_elsewhere()
    book.retire(kid, after=timedelta(minutes=after_minutes))
    _note(CommandEvent.KEY_RETIRED, kid)
    when = f"in {after_minutes} minutes" if after_minutes else "now, within 30 s in every process"
    click.echo(f"retired {kid}: {when}")


def _note(event: CommandEvent, kid: str) -> None:
    with db.unit():
        audit.record(event, actor_id=None, subject_id=None, origin=origin(), target=kid)


def _when(ahead: timedelta) -> str:
    return f"in {int(ahead.total_seconds())} s" if ahead else "at once"


def _refuse_elsewhere() -> None:
    """Raise where the table of keys is not what signs."""
    if settings.algorithm == "HS256":
        raise Failed("ALGORITHM=HS256 signs with a key made from SECRET_KEY; change that instead")
    if settings.jwt_keys_file is not None:
        raise Failed(f"the keys are those in {settings.jwt_keys_file} (JWT_KEYS_FILE)")
