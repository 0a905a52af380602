"""`flask keys`: the keys that sign access tokens, and those that encrypt what is stored."""

from datetime import timedelta
from typing import Any

import click

from gatehouse import audit
from gatehouse.cli import consent, output
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import CommandEvent, origin
from gatehouse.infra import db, stored_secrets
from gatehouse.infra import keys as book
from gatehouse.settings import settings

_COLUMNS = ("kid", "algorithm", "state", "created_at", "activates_at", "retires_at")
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
    """Keys that sign access tokens.

    Their public parts stand under /.well-known/jwks.json.
    """


@group.command(examples=("flask keys generate", "flask keys generate --in 3600"))
@click.option(
    "--algorithm",
    type=click.Choice(["EdDSA", "RS256"]),
    help="By default what ALGORITHM says.",
)
@ahead_option
@output.json_option
def generate(algorithm: str | None, ahead_seconds: int, as_json: bool) -> None:
    """Make a key beside the others.

    The first one signs at once, a later one when others have had time to learn of it.
    """
    _refuse_elsewhere()
    is_first = all(key.state == "retired" for key in book.list_keys())
    ahead = timedelta(seconds=0 if is_first else ahead_seconds)
    kid = book.generate(algorithm, activates_in=ahead)
    _note(CommandEvent.KEY_GENERATED, kid)
    if as_json:
        output.as_json(next(one for one in _documents() if one["kid"] == kid))
    else:
        click.echo(f"made {kid}, which signs {_when(ahead)}")


@group.command(name="list", examples=("flask keys list", "flask keys list --json"))
@output.json_option
def list_(as_json: bool) -> None:
    """List the keys, whatever their state.

    A key is coming (published, does not sign yet), signing, trusted (verifies only) or retired.
    """
    _refuse_elsewhere()
    documents = _documents()
    if as_json:
        output.as_json(documents)
        return
    output.table(
        ("kid", "algorithm", "state", "created", "signs from", "retires"),
        (list(one.values()) for one in documents),
        nothing="there is no key; `flask keys generate` makes one",
    )


@group.command(examples=("flask keys rotate", "flask keys rotate --in 3600"))
@ahead_option
@output.json_option
def rotate(ahead_seconds: int, as_json: bool) -> None:
    """Make the next key and let the present ones go.

    They are trusted until the last token that they signed has expired.
    """
    _refuse_elsewhere()
    ahead = timedelta(seconds=ahead_seconds)
    kid = book.rotate(activates_in=ahead)
    _note(CommandEvent.KEY_GENERATED, kid)
    if as_json:
        output.as_json(next(one for one in _documents() if one["kid"] == kid))
        return
    click.echo(f"made {kid}, which signs {_when(ahead)}")
    for key in book.list_keys():
        if key.kid != kid and key.state != "retired":
            click.echo(f"{key.kid} is trusted until {output.cell(key.retires_at)}")


# A key id may begin with a dash.
@group.command(
    context_settings={"ignore_unknown_options": True},
    examples=("flask keys retire KID --yes", "flask keys retire KID --after 30"),
)
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
@consent.yes_option
def retire(kid: str, after_minutes: int, is_sure: bool) -> None:
    """Stop trusting a key.

    Tokens that it signed are refused: this is for a key that somebody else may have. Otherwise
    `flask keys rotate` retires it without a loss.
    """
    _refuse_elsewhere()
    consent.ask(f"Refuse every token that {output.cell(kid)} signed?", is_sure=is_sure)
    book.retire(kid, after=timedelta(minutes=after_minutes))
    _note(CommandEvent.KEY_RETIRED, kid)
    when = f"in {after_minutes} minutes" if after_minutes else "now, within 30 s in every process"
    click.echo(f"retired {kid}: {when}")


@group.command(examples=("flask keys reencrypt",))
def reencrypt() -> None:
    """Encrypt every stored secret with the first of DATA_KEYS.

    What is encrypted with it already is left alone, so this can be repeated. Afterwards the
    other keys of DATA_KEYS are needed no more.
    """
    counts = stored_secrets.reencrypt()
    with db.unit():
        _record(CommandEvent.SECRETS_REENCRYPTED, details={"count": counts.rewritten})
    click.echo(f"rewrote {counts.rewritten}, {counts.kept} had the first key already")
    if counts.unreadable:
        raise Failed(f"{counts.unreadable} were encrypted with none of DATA_KEYS and stay so")


def _documents() -> list[dict[str, Any]]:
    return [{name: getattr(key, name) for name in _COLUMNS} for key in book.list_keys()]


def _note(event: CommandEvent, kid: str) -> None:
    with db.unit():
        _record(event, target=kid)


def _record(event: CommandEvent, **what: Any) -> None:
    audit.record(event, actor_id=None, subject_id=None, origin=origin(), **what)


def _when(ahead: timedelta) -> str:
    return f"in {int(ahead.total_seconds())} s" if ahead else "now, within 30 s in every process"


def _refuse_elsewhere() -> None:
    """Raise where the table of keys is not what signs."""
    if settings.algorithm == "HS256":
        raise Failed("ALGORITHM=HS256 signs with a key made from SECRET_KEY; change that instead")
    if settings.jwt_keys_file is not None:
        raise Failed(f"the keys are those in {settings.jwt_keys_file} (JWT_KEYS_FILE)")
