"""PgBouncer and the like in front of PostgreSQL: do the time-outs of the settings arrive?"""

from sqlalchemy import text

from gatehouse.cli.doctor.finding import Findings, fine, odd
from gatehouse.infra import db
from gatehouse.settings import settings

_IN_FORCE = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")


def findings() -> Findings:
    """Compare what holds in a session with what was asked for; a pooler may keep it to itself."""
    if settings.is_sqlite or not db.is_pooled():
        return
    wanted = {
        "statement_timeout": settings.db_statement_timeout_seconds * 1000,
        "lock_timeout": settings.db_lock_timeout_seconds * 1000,
        "idle_in_transaction_session_timeout": settings.db_statement_timeout_seconds * 5000,
        "TimeZone": "UTC",
    }
    found = {row.name: row.setting for row in db.reader.rows(_IN_FORCE, {"names": list(wanted)})}
    missing = [name for name, value in wanted.items() if found.get(name) != str(value)]
    if missing:
        yield odd(
            "pooler",
            f"it keeps to itself what PostgreSQL should know: {', '.join(missing)}",
            "give the database these defaults (ALTER DATABASE … SET): docs/deploying.md has them",
        )
    else:
        yield fine("pooler", "stands before PostgreSQL; no statement is prepared")
