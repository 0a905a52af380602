"""Every secret in the database, whichever feature keeps it: moved to the first of DATA_KEYS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, CursorResult, select, update

from gatehouse.infra import db, secrets

BATCH = 200


@dataclass(slots=True)
class Counts:
    """What became of the secrets: moved to the first key, there already, readable by none."""

    rewritten: int = 0
    kept: int = 0
    unreadable: int = 0


def columns() -> list[Column[Any]]:
    """Return every column that holds encrypted secrets."""
    return [
        column
        for table in db.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, db.Encrypted)
    ]


def reencrypt() -> Counts:
    """Encrypt every secret with the first of DATA_KEYS, a batch a unit.

    Interrupted or repeated it goes on with what is left. It may run while the service does: a
    secret that changes meanwhile is encrypted with the first key by whoever changes it.
    """
    counts = Counts()
    for column in columns():
        (key,) = column.table.primary_key.columns
        last = None
        while last := _batch(column, key, last, counts):
            pass
    return counts


def _batch(column: Column[Any], key: Column[Any], last: Any, counts: Counts) -> Any:
    """Move the secrets of some rows after `last`; return the key of the last one, or None."""
    wanted = select(key, column).where(column.is_not(None)).order_by(key).limit(BATCH)
    rows: Sequence[Any] = db.reader.rows(wanted if last is None else wanted.where(key > last))
    with db.unit():
        for row_key, before in rows:
            try:
                after = secrets.reencrypt(before)
            except secrets.Undecryptable:
                counts.unreadable += 1
                continue
            if after is None:
                counts.kept += 1
                continue
            # Compared with what was read, so that nothing older replaces what is newer.
            is_same = key == row_key, column == before
            statement = update(column.table).where(*is_same).values({column: after})
            moved = cast("CursorResult[Any]", db.session.execute(statement)).rowcount
            counts.rewritten += moved
            counts.kept += 1 - moved
    return rows[-1][0] if rows else None
