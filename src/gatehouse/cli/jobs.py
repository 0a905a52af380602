"""`flask jobs`: work that was put off, and that which was given up."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from gatehouse import audit
from gatehouse.cli import consent, output
from gatehouse.cli.failures import Failed, Group
from gatehouse.cli.vocabulary import CommandEvent, origin
from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.infra import jobs as book
from gatehouse.infra.jobs import runner

_BATCH = 100


@click.group("jobs", cls=Group)
def group() -> None:
    """Work for later: mail and housekeeping."""


@group.command(
    name="list",
    examples=("flask jobs list", "flask jobs list --state waiting --kind mail --json"),
)
@click.option("--state", type=click.Choice([one.value for one in book.State]), help="Only these.")
@click.option("--kind", metavar="KIND", help="Only work of this kind, in any state.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most."
)
@output.json_option
def list_(state: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Count what waits, and list what was given up.

    What was in a piece of work, like the address of a mail, is not shown.
    """
    wanted = book.State(state) if state else None if kind else book.State.PARKED
    counts = book.counts()
    found = [dict(one) for one in book.listed(state=wanted, kind=kind, limit=limit)]
    if as_json:
        output.as_json({"counts": counts, "jobs": found})
        return
    output.record(counts)
    if found:
        click.echo()
        columns = ("id", "kind", "state", "attempts", "created_at", "last_error")
        rows = ([one[name] for name in columns] for one in found)
        headings = ("id", "kind", "state", "attempts", "created", "error")
        output.table(headings, rows, prose=("error",))


@group.command(examples=("flask jobs show 01a1f9ce-0deb-738f-bb98-f2320bec0775",))
@click.argument("entry_id", metavar="ID", type=click.UUID)
@output.json_option
def show(entry_id: UUID, as_json: bool) -> None:
    """Show one piece of work.

    When it is tried next, how often it was, and what went wrong; not what is in it.
    """
    row = book.found(entry_id)
    if row is None:
        raise Failed(f"there is no job {entry_id}")
    if as_json:
        output.as_json(dict(row))
    else:
        output.record(dict(row))


@group.command(examples=("flask jobs run",))
@click.option(
    "--limit", default=10_000, show_default=True, type=click.IntRange(1), help="At most this many."
)
def run(limit: int) -> None:
    """Do now what is due, and end.

    The server does so by itself unless JOBS=off; then a timer may call this.
    """
    runner.ensure_periodic()
    count = 0
    while count < limit:
        done = book.run_due(min(_BATCH, limit - count))
        count += done
        if done < _BATCH:
            break
    click.echo(f"did {count}")


@group.command(
    examples=("flask jobs retry --all", "flask jobs retry 01a1f9ce-0deb-738f-bb98-f2320bec0775")
)
@click.argument("ids", metavar="ID...", nargs=-1, type=click.UUID)
@click.option("--all", "is_all", is_flag=True, help="Everything that was given up.")
@click.option(
    "--waiting", "is_waiting", is_flag=True, help="Everything that waits for its next try."
)
def retry(ids: tuple[UUID, ...], is_all: bool, is_waiting: bool) -> None:
    """Let what was given up be tried again, or what waits be tried at once.

    The attempts of what was given up are counted from the first one. What waits is tried by
    itself too: --waiting is for a mail server that is back before the time.
    """
    if [bool(ids), is_all, is_waiting].count(True) != 1:
        raise click.UsageError("name the ids of jobs, or --all, or --waiting")
    count = 0
    if ids:
        count = _retry(ids, is_strict=True)
    elif is_all:
        while parked := [one["id"] for one in book.parked(limit=_BATCH)]:
            count += _retry(parked, is_strict=False)
    else:
        count = _hasten()
    click.echo(f"{count} will be tried {'now' if is_waiting else 'again'}")


@group.command(examples=("flask jobs purge --older-than 30 --yes",))
@click.option(
    "--older-than",
    "days",
    metavar="DAYS",
    required=True,
    type=click.IntRange(0, 36_500),
    help="How long ago it was done, or for what was given up: made.",
)
@click.option(
    "--state",
    type=click.Choice([book.State.DONE.value, book.State.PARKED.value]),
    help="Only these; else both.",
)
@consent.yes_option
def purge(days: int, state: str | None, is_sure: bool) -> None:
    """Delete what is done and what was given up.

    What is done goes by itself after a week; what was given up stays until this is called.
    """
    states = [book.State(state)] if state else [book.State.DONE, book.State.PARKED]
    named = " and ".join(states)
    consent.ask(f"Delete jobs that are {named} and older than {days} days?", is_sure=is_sure)
    before = clock.now() - timedelta(days=days)
    count = sum(book.purge_before(before, state=one) for one in states)
    with db.unit():
        details = {"states": states, "days": days, "count": count}
        _record(CommandEvent.JOBS_PURGED, details=details)
    click.echo(f"deleted {count}")


def _hasten() -> int:
    count = 0
    while True:
        with db.unit():
            count += (hastened := book.hasten())
        if not hastened:
            return count


def _retry(ids: Sequence[UUID], *, is_strict: bool) -> int:
    """Retry in one unit and return how many; with `is_strict` all of these or none."""
    with db.unit():
        found = [one for one in ids if book.retry(one)]
        if is_strict and len(found) < len(ids):
            missing = ", ".join(str(one) for one in ids if one not in found)
            raise Failed(f"not among what was given up: {missing}")
        for one in found:
            _record(CommandEvent.JOB_RETRIED, target=str(one))
    return len(found)


def _record(event: CommandEvent, **what: Any) -> None:
    audit.record(event, actor_id=None, subject_id=None, origin=origin(), **what)
