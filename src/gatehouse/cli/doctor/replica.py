"""The replica for lists: is it one, of this database, and how far is it behind?"""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.cli.failures import database_trouble
from gatehouse.infra import db
from gatehouse.settings import settings

_LATE_SECONDS = 10
_SYSTEM = text("SELECT system_identifier FROM pg_control_system()")
# Without writes a replica has nothing to replay: its age alone would be a false alarm.
_BEHIND = text(
    "SELECT CASE WHEN pg_last_wal_replay_lsn() >= CAST(:written AS pg_lsn) THEN 0 "
    "ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
)


def findings() -> Findings:
    """Compare it with the primary; nothing to say without DATABASE_READ_URL."""
    if settings.database_read_url is None:
        return
    try:
        is_replica = bool(db.replica.scalar(text("SELECT pg_is_in_recovery()")))
    except SQLAlchemyError as error:
        said = database_trouble(error).replace("DATABASE_URL", "DATABASE_READ_URL")
        yield wrong("replica", said, "mend it, or unset DATABASE_READ_URL")
        return
    if not is_replica:
        yield odd(
            "replica",
            "what DATABASE_READ_URL names is no replica but a primary",
            "see that it is the same database; unset it where there is no replica",
        )
        return
    if db.reader.scalar(_SYSTEM) != db.replica.scalar(_SYSTEM):
        yield wrong(
            "replica",
            "what DATABASE_READ_URL names follows another server: lists show other people",
            "set DATABASE_READ_URL to a replica of DATABASE_URL",
        )
        return
    written = db.reader.scalar(text("SELECT CAST(pg_current_wal_lsn() AS text)"))
    behind = db.replica.scalar(_BEHIND, {"written": written})
    if behind is None or behind > _LATE_SECONDS:
        said = "has replayed nothing yet" if behind is None else f"is {behind:.0f} s behind"
        yield odd(
            "replica",
            f"it {said}: lists, counts and the audit log show what was",
            "see its network and load (pg_stat_replication on the primary)",
        )
    else:
        yield fine("replica", f"follows within {_LATE_SECONDS} s")
