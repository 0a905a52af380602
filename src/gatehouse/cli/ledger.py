"""`flask audit`: what happened, as `GET /audit-events` tells it."""

from datetime import UTC, datetime
from uuid import UUID

import click

from gatehouse import audit
from gatehouse.cli import output, people
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.output import cell
from gatehouse.core.ids import parse_id
from gatehouse.feature import slots

_COLUMNS = ("occurred_at", "type", "actor_id", "subject_id", "address", "occurrences")
_HEADINGS = ("when", "event", "by", "to", "address", "times")
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ"])


@click.group("audit", cls=Group)
def group() -> None:
    """The ledger: what happened, to whom, by whom."""


@group.command(
    name="list",
    examples=(
        "flask audit list --type login.failed --since 2026-01-31",
        "flask audit list --subject ada@example.com --json",
    ),
)
@click.option("--type", "event_type", metavar="EVENT", help="Only this, like login.failed.")
@click.option("--actor", metavar="PERSON", help="Only what this person did.")
@click.option("--subject", metavar="PERSON", help="Only what was done to this person.")
@click.option("--since", type=_MOMENT, metavar="MOMENT", help="From this day or moment on, in UTC.")
@click.option("--until", type=_MOMENT, metavar="MOMENT", help="Before this one.")
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="How many at most.",
)
@output.json_option
def list_(
    event_type: str | None,
    actor: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what happened, the latest first.

    Where nobody is named it was a stranger or the command line. --json also tells the details.
    """
    filters = {
        "type": event_type and _known(event_type),
        "actor_id": actor and _id_of(actor),
        "subject_id": subject and _id_of(subject),
        "since": since and since.replace(tzinfo=UTC),
        "until": until and until.replace(tzinfo=UTC),
    }
    given = {name: value for name, value in filters.items() if value is not None}
    found = audit.latest(given, limit=limit + 1)
    if as_json:
        output.as_json(found[:limit])
        return
    output.table(
        _HEADINGS,
        ([event[name] for name in _COLUMNS] for event in found[:limit]),
        nothing="there is no such event",
    )
    if len(found) > limit:
        click.echo(f"there are more than {limit}; --limit shows more", err=True)


def _known(event_type: str) -> str:
    known = sorted(slots().events)
    if event_type not in known:
        raise Failed(f"there is no event {cell(event_type)}; there are: {', '.join(known)}")
    return event_type


def _id_of(name: str) -> UUID:
    """Return the id of a person; one who was erased is known by it alone."""
    return parse_id(name) or UUID(str(people.any_state(name).id))
