"""How a batch of people gets into the database: COPY on PostgreSQL, many rows a call on SQLite.

Both write rows as the models would, in the caller's unit of work, and drop no index on the way.
"""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from gatehouse.cli.failures import Failed
from gatehouse.cli.seed.people import Person
from gatehouse.infra import db

_USERS = (
    *("id", "email", "email_folded", "username", "username_folded", "name", "locale"),
    *("password_hash", "password_changed_at", "must_change_password", "is_active", "is_verified"),
    *("session_epoch", "version", "created_at", "updated_at"),
)
_TABLES = (("users", _USERS), ("user_roles", ("user_id", "role_id", "granted_at")))
_NULL = "\\N"
_UNIQUE_VIOLATION = "23505"


class NameTaken(Failed):
    """Somebody who is there already has a name of this seed."""

    def __init__(self) -> None:
        super().__init__("an address or username of this seed is taken; choose another --seed")


class Writer(Protocol):
    """Turns people into what the database takes, then writes it."""

    def prepare(self, people: list[Person]) -> Any:
        """Return a batch that is ready to be written; needs no connection."""

    def write(self, prepared: Any) -> None:
        """Write a batch in the present unit."""


def writer(*, password_hash: str, role_id: UUID) -> Writer:
    """Return the writer for the present database; everybody gets this hash and this role."""
    kind = Rows if db.is_sqlite() else Copy
    return kind(password_hash, role_id.hex)


class Copy:
    """PostgreSQL: text in the format of COPY (values hold neither tab, line end nor backslash)."""

    def __init__(self, password_hash: str, role_id: str) -> None:
        self._hash = password_hash
        self._role_id = role_id

    def prepare(self, people: list[Person]) -> tuple[bytes, bytes]:
        """Return the lines of both tables."""
        users: list[str] = []
        held: list[str] = []
        for id_, email, username, name, locale, is_active, is_verified, created_at in people:
            at, key = created_at.isoformat(" "), username or _NULL
            said = "\t".join((id_, email, email, key, key, name or _NULL, locale or _NULL))
            flags = f"f\t{'t' if is_active else 'f'}\t{'t' if is_verified else 'f'}"
            users.append(f"{said}\t{self._hash}\t{at}\t{flags}\t1\t1\t{at}\t{at}\n")
            held.append(f"{id_}\t{self._role_id}\t{at}\n")
        return "".join(users).encode(), "".join(held).encode()

    def write(self, prepared: tuple[bytes, bytes]) -> None:
        """Copy the lines of both tables in."""
        session = db.session
        # The limits of a request are not those of a load of rows.
        db.patient(session.connection())
        # The driver below SQLAlchemy, in the transaction of the unit.
        driver: Any = session.connection().connection.dbapi_connection
        try:
            for (table, columns), lines in zip(_TABLES, prepared, strict=True):
                with (
                    driver.cursor() as cursor,
                    cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
                ):
                    copy.write(lines)
        except session.connection().dialect.loaded_dbapi.Error as error:
            if getattr(error, "sqlstate", None) == _UNIQUE_VIOLATION:
                raise NameTaken from error
            raise Failed(f"the database refused: {error}".partition("\n")[0]) from error


class Rows:
    """SQLite: rows of parameters, in the form in which SQLAlchemy stores ids and times there."""

    def __init__(self, password_hash: str, role_id: str) -> None:
        self._hash = password_hash
        self._role_id = role_id

    def prepare(self, people: list[Person]) -> tuple[list[Any], list[Any]]:
        """Return the rows of both tables."""
        users: list[Any] = []
        held: list[Any] = []
        for id_, email, key, name, locale, is_active, is_verified, created_at in people:
            at = _stored(created_at)
            said = (id_, email, email, key, key, name, locale, self._hash, at)
            users.append((*said, False, is_active, is_verified, 1, 1, at, at))
            held.append((id_, self._role_id, at))
        return users, held

    def write(self, prepared: tuple[list[Any], list[Any]]) -> None:
        """Insert the rows of both tables."""
        connection = db.session.connection()
        for (table, columns), rows in zip(_TABLES, prepared, strict=True):
            marks = ", ".join("?" * len(columns))
            connection.exec_driver_sql(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608
                rows,
            )


def _stored(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
