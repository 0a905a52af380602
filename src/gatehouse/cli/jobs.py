"""`flask jobs`: work that was put off, and that which was given up."""

from collections.abc import Sequence
from uuid import UUID

import click

from gatehouse import audit
from gatehouse.cli import output
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import CommandEvent, origin
from gatehouse.infra import db, job_runner
from gatehouse.infra import jobs as book

_BATCH = 100


@click.group("jobs", cls=Group)
def group() -> None:
    """Work for later: mail and housekeeping."""


@group.command(name="list")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most."
)
@output.json_option
def list_(limit: int, as_json: bool) -> None:
    """Count what waits, and list what was given up."""
    counts, parked = book.counts(), [dict(one) for one in book.parked(limit=limit)]
    if as_json:
        output.as_json({"counts": counts, "parked": parked})
        return
    output.record(counts)
    if parked:
        click.echo()
        columns = ("id", "kind", "attempts", "created_at", "last_error")
        output.table(columns, ([one[name] for name in columns] for one in parked))


@group.command()
@click.option(
    "--limit", default=10_000, show_default=True, type=click.IntRange(1), help="At most this many."
)
def run(limit: int) -> None:
    """Do now what is due, and end; the server does so by itself unless JOBS=off."""
    job_runner.ensure_periodic()
    count = 0
    while count < limit:
        done = book.run_due(min(_BATCH, limit - count))
        count += done
        if done < _BATCH:
            break
    click.echo(f"did {count}")


@group.command()
@click.argument("ids", metavar="ID...", nargs=-1, type=click.UUID)
@click.option("--all", "is_all", is_flag=True, help="Everything that was given up.")
def retry(ids: tuple[UUID, ...], is_all: bool) -> None:
    """Let what was given up wait again, from the first attempt."""
    if bool(ids) == is_all:
        raise click.UsageError("name the ids of jobs, or --all")
    count = 0
    if ids:
        count = _retry(ids, is_strict=True)
    else:
        while parked := [one["id"] for one in book.parked(limit=_BATCH)]:
            count += _retry(parked, is_strict=False)
    click.echo(f"{count} will be tried again")


def _retry(ids: Sequence[UUID], *, is_strict: bool) -> int:
    """Retry in one unit and return how many; with `is_strict` all of these or none."""
    with db.unit():
        found = [one for one in ids if book.retry(one)]
        if is_strict and len(found) < len(ids):
            missing = ", ".join(str(one) for one in ids if one not in found)
            raise Failed(f"not among what was given up: {missing}")
        for one in found:
            audit.record(
                CommandEvent.JOB_RETRIED,
                actor_id=None,
                subject_id=None,
                origin=origin(),
                target=str(one),
            )
    return len(found)
