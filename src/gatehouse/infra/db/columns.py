"""Column types that mean the same on both databases."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

Id = Uuid
Json = JSON().with_variant(JSONB(), "postgresql")


def Key(length: int) -> TypeEngine[str]:
    """A string that is compared and ordered byte by byte on both databases.

    A prefix is then one range of the index, whatever the locale of the server.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Encrypted(TypeDecorator[str]):
    """A secret as `secrets.encrypt` leaves it; by this type `stored_secrets` finds them all.

    It neither encrypts nor decrypts: a row stays readable where a key of DATA_KEYS is missing.
    """

    impl = Text
    cache_ok = True


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, which SQLite alone would give back without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime, which means another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite dropped."""
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Leave what PostgreSQL gives as it is: `db.postgresql` lets it speak in UTC."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None
