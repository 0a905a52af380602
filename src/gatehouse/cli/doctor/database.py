"""The database: does it answer, is it new enough, is it migrated, and does its clock agree?"""

import sqlite3
import time
from datetime import datetime

from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.cli.doctor.finding import Finding, Findings, fine, odd, wrong
from gatehouse.cli.failures import database_trouble
from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.settings import settings

_LEAST_POSTGRESQL = 15
_LEAST_SQLITE = (3, 35)  # RETURNING
_SKEW_SECONDS, _WORST_SKEW_SECONDS = 2, 5


def findings() -> Findings:
    """Look at the primary."""
    try:
        yield _version(db.reader)
        yield from _revision()
        if not settings.is_sqlite:
            yield from _text_and_time()
            yield _skew()
    except TypeError:
        # SQL_ASCII is no encoding: the driver hands out bytes, and nothing can read them.
        yield _wrong_encoding("SQL_ASCII")
    except SQLAlchemyError as error:
        yield wrong(
            "database",
            database_trouble(error),
            "see that it runs, and that DATABASE_URL names it and its password",
        )


def _version(handle: db.Reader) -> Finding:
    if settings.is_sqlite:
        version = sqlite3.sqlite_version_info
        if version < _LEAST_SQLITE:
            return wrong("database", f"SQLite {sqlite3.sqlite_version} is too old", "take 3.35")
        return fine("database", f"SQLite {sqlite3.sqlite_version} answers")
    shown = str(handle.scalar(text("SHOW server_version")))
    number = int(handle.scalar(text("SHOW server_version_num"))) // 10_000
    if number < _LEAST_POSTGRESQL:
        return wrong(
            "database",
            f"PostgreSQL {shown} is older than what is tested",
            f"take {_LEAST_POSTGRESQL} or newer",
        )
    return fine("database", f"PostgreSQL {shown} answers")


def _revision() -> Findings:
    scripts = ScriptDirectory(str(db.MIGRATIONS))
    newest = scripts.get_current_head()
    with db.reader.engine.connect() as connection:
        is_new = not inspect(connection).has_table("alembic_version")
        present = (
            None if is_new else connection.scalar(text("SELECT version_num FROM alembic_version"))
        )
    known = {script.revision for script in scripts.walk_revisions()}
    if present == newest:
        yield fine("database", f"migrated to {newest}")
    elif present is None:
        yield wrong("database", "there are no tables in it", "flask db upgrade")
    elif present in known:
        yield wrong(
            "database", f"it is at {present}, behind this code ({newest})", "flask db upgrade"
        )
    else:
        yield wrong(
            "database",
            f"it is at {present}, which this code does not know ({newest} is its newest)",
            "run the release that migrated it; the older one must not write there",
        )


def _text_and_time() -> Findings:
    encoding = str(db.reader.scalar(text("SHOW server_encoding")))
    if encoding != "UTF8":
        yield _wrong_encoding(encoding)
    zone = str(db.reader.scalar(text("SHOW timezone")))
    if zone not in {"UTC", "Etc/UTC", "GMT"}:
        yield odd(
            "clock",
            f"connections come out in {zone}, though the service asks for UTC",
            "a pooler loses the zone: ALTER DATABASE … SET timezone = 'UTC'",
        )


def _wrong_encoding(encoding: str) -> Finding:
    return wrong(
        "database",
        f"its encoding is {encoding}: names in other scripts are refused or damaged",
        "make one with ENCODING 'UTF8' and move the data there (pg_dump, pg_restore)",
    )


def _skew() -> Finding:
    before, start = clock.now(), time.monotonic()
    theirs: datetime = db.reader.scalar(select(func.clock_timestamp()))
    half = (time.monotonic() - start) / 2
    skew = (theirs - before).total_seconds() - half
    said = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) > _WORST_SKEW_SECONDS:
        return wrong("clock", said, "let both machines follow one time server (NTP)")
    if abs(skew) > _SKEW_SECONDS:
        return odd("clock", said, "let both machines follow one time server (NTP)")
    return fine("clock", "the clocks of database and service agree")
