"""What the tables tell about the house: roles, somebody in charge, and work that is stuck."""

from datetime import timedelta

from sqlalchemy import func, select

from gatehouse import roles, users
from gatehouse.cli.doctor.finding import Findings, fine, odd, reading, wrong
from gatehouse.core import clock
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.infra import db, jobs
from gatehouse.roles import Role
from gatehouse.settings import settings
from gatehouse.users import User

_LATE = timedelta(minutes=5)


@reading("tables")
def findings() -> Findings:
    """Look at roles, people and the outbox."""
    yield from _roles()
    yield from _somebody_in_charge()
    yield from _outbox()


def _roles() -> Findings:
    rows = db.reader.rows(select(Role.name, Role.permissions).where(Role.is_built_in))
    present = {row.name: set(row.permissions) for row in rows}
    wanted = {name: set(permissions) for name, (_, permissions) in roles.BUILT_IN.items()}
    if present == wanted:
        yield fine("roles", "the built-in roles are as they should be")
        return
    differing = sorted(name for name in wanted | present if present.get(name) != wanted.get(name))
    yield wrong(
        "roles",
        f"built-in roles are missing or were changed: {', '.join(differing)}",
        "flask db upgrade; the next start of `make run` mends them too",
    )


def _somebody_in_charge() -> Findings:
    statement = (
        select(func.count())
        .select_from(User)
        .where(
            User.is_active,
            User.deleted_at.is_(None),
            roles.has_role(User.__table__.c.id, SUPER_ADMIN),
        )
    )
    count = db.reader.scalar(statement)
    if count:
        yield fine("people", f"{count} active super_admin{'s' if count > 1 else ''}")
        return
    is_empty = db.reader.row(select(users.PUBLIC_COLUMNS[0]).limit(1)) is None
    yield (odd if is_empty else wrong)(
        "people",
        "there is no account yet" if is_empty else "there is no active super_admin",
        "flask users create EMAIL --role super_admin",
    )


def _outbox() -> Findings:
    counts = jobs.counts()
    entry = jobs.OutboxEntry
    late = db.reader.scalar(
        select(func.count())
        .select_from(entry)
        .where(entry.state == jobs.State.WAITING, entry.available_at < clock.now() - _LATE)
    )
    if counts[jobs.State.PARKED]:
        yield wrong(
            "jobs",
            f"{counts[jobs.State.PARKED]} given up after several attempts",
            "flask jobs list says why; then flask jobs retry --all",
        )
    if late:
        who = "flask jobs run" if settings.jobs == "off" else "see that the service runs"
        yield odd("jobs", f"{late} wait for more than 5 minutes: nobody does them", who)
    elif not counts[jobs.State.PARKED]:
        yield fine("jobs", f"nothing is late ({counts[jobs.State.WAITING]} wait)")
