"""What it means when the database refuses a statement."""

import re
import sqlite3

from flask import current_app
from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

# What SQLite and PostgreSQL (disk_full) say when nothing fits on the disk any more.
NO_ROOM = (sqlite3.SQLITE_FULL, "53100")


def is_full(error: SQLAlchemyError) -> bool:
    """Tell whether the database has found no room on its disk."""
    driver = getattr(error, "orig", None)
    said = getattr(driver, "sqlite_errorcode", None) or getattr(driver, "sqlstate", None)
    return said in NO_ROOM


def violated(error: IntegrityError) -> str:
    """Return the name of the constraint or unique index that refused, or the empty string."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        return diagnostics.constraint_name or ""
    found = re.search(r"UNIQUE constraint failed: (\w+)\.(.+)", str(error.orig))
    if found is None:
        return ""
    metadata = current_app.extensions["sqlalchemy"].metadata
    table = metadata.tables[found[1]]
    columns = [part.split(".")[-1].strip() for part in f"{found[1]}.{found[2]}".split(",")]
    candidates: list[Index | UniqueConstraint] = [
        *(index for index in table.indexes if index.unique),
        *(c for c in table.constraints if isinstance(c, UniqueConstraint)),
    ]
    for candidate in candidates:
        if [column.name for column in candidate.columns] == columns:
            return str(candidate.name)
    return str(table.primary_key.name)
