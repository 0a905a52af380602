"""`flask seed`: a database full of believable people, to try things and to measure with."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from gatehouse import audit, users
from gatehouse import roles as role_book
from gatehouse.cli import output, passwords
from gatehouse.cli.failures import Command, Failed, Interrupted
from gatehouse.cli.seed.people import batches
from gatehouse.cli.seed.writers import NameTaken, Writer, writer
from gatehouse.cli.vocabulary import CommandEvent, origin
from gatehouse.infra import db, hashing
from gatehouse.settings import settings

_REPORT_SECONDS = 5.0
_REPORT_SECONDS_AT_TERMINAL = 0.5


class Progress:
    """Tells how far it is and how fast: one line at a terminal, one every few seconds elsewhere."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        self._start = self._told = monotonic()
        self._is_terminal = sys.stderr.isatty()

    def add(self, count: int) -> None:
        """Count people who are stored for good."""
        self.done += count
        pause = _REPORT_SECONDS_AT_TERMINAL if self._is_terminal else _REPORT_SECONDS
        if monotonic() - self._told >= pause or (self._is_terminal and self.done == self._total):
            self._told = monotonic()
            line = f"{self.done:,} of {self._total:,}, {self._rate():,} a second"
            click.echo(f"\r{line}  " if self._is_terminal else line, err=True, nl=False)
            if not self._is_terminal or self.done == self._total:
                click.echo(err=True)

    def summary(self) -> str:
        """Return what was done."""
        seconds = monotonic() - self._start
        return f"made {self.done:,} accounts in {seconds:.1f} s, {self._rate():,} a second"

    def _rate(self) -> int:
        return round(self.done / max(monotonic() - self._start, 0.001))


@click.command(
    "seed",
    cls=Command,
    examples=("flask seed", "flask seed --users 100000 --seed 2 --password 'three quiet rivers'"),
)
@click.option(
    "--users",
    "count",
    default=1_000,
    show_default=True,
    type=click.IntRange(1, 100_000_000),
    help="How many people.",
)
@click.option(
    "--seed",
    "number",
    default=0,
    show_default=True,
    type=click.IntRange(0, 999_999),
    help="The same number makes the same people; each can be used once in a database.",
)
@click.option("--password", help="The password of all of them; otherwise random and shown once.")
@click.option("--force", is_flag=True, help="Also with APP_ENV=production.")
@output.json_option
@with_appcontext
def command(count: int, number: int, password: str | None, force: bool, as_json: bool) -> None:
    """Add believable people to develop with.

    All have the role user and one and the same password. Their addresses end in example.com and
    the like, so that no mail ever leaves. Nothing that is there is changed, and no mail is queued.
    """
    if settings.is_production and not force:
        raise Failed("APP_ENV=production: accounts with a shared password need --force")
    chosen = password or passwords.made()
    users.check_password(chosen, {})
    role_id = db.reader.scalar(select(role_book.Role.id).where(role_book.Role.name == "user"))
    if role_id is None:
        raise Failed("the role user is missing; run flask db upgrade")
    found = writer(password_hash=hashing.hash_now(chosen), role_id=role_id)
    progress = Progress(count)
    try:
        for size, prepared in _prepared(count, number, found):
            _store(found, prepared, size=size, number=number)
            progress.add(size)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {progress.done:,} accounts were made") from None
    with db.unit():
        # Fresh tables have no statistics, and the plans of the first minutes would show it.
        # PostgreSQL may be at it by itself, which nobody has to wait for.
        how = "" if db.is_sqlite() else "(SKIP_LOCKED) "
        for table in ("users", "user_roles"):
            db.session.execute(text(f"ANALYZE {how}{table}"))
    if as_json:
        output.as_json({"users": progress.done, "seed": number, "password": chosen})
        return
    click.echo(progress.summary())
    if password is None:
        click.echo(f"their password: {chosen}  (one for all, shown once)")


def _prepared(count: int, number: int, found: Writer) -> Iterator[tuple[int, Any]]:
    """Give batches that are ready to be written; the next is made while one is written."""
    people = batches(count, seed=number)
    first = next(people)
    if users.by_login_name(first[0].email) is not None:
        raise Failed(
            f"the people of seed {number} are here already; for others: "
            f"flask seed --users {count} --seed {number + 1}"
        )

    def make() -> tuple[int, Any] | None:
        batch = next(people, None)
        return None if batch is None else (len(batch), found.prepare(batch))

    with ThreadPoolExecutor(1) as maker:
        ready: tuple[int, Any] | None = (len(first), found.prepare(first))
        while ready is not None:
            coming = maker.submit(make)
            yield ready
            ready = coming.result()


def _store(found: Writer, prepared: Any, *, size: int, number: int) -> None:
    """Write one batch and what the ledger says about it, in one unit."""
    try:
        with db.unit():
            found.write(prepared)
            audit.record(
                CommandEvent.USERS_SEEDED,
                actor_id=None,
                subject_id=None,
                origin=origin(),
                details={"users": size, "seed": number},
            )
    except IntegrityError as error:
        raise NameTaken from error
