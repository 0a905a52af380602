"""The databases of tests: who gets a copy that was used before finds nothing of that."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.databases import TABLES, Database, PostgreSql, named


def content(url: str) -> dict[str, list[bytes]]:
    """Return the rows of every table, byte by byte."""
    found = {}
    with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:")) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            with connection.cursor().copy(named("COPY {} TO STDOUT", str(table))) as copy:
                found[str(table)] = sorted(bytes(block) for block in copy)
    return found


@pytest.fixture
def copies(templates: Callable[[str], Database]) -> Database:
    return templates(PostgreSql.name)


def test_what_was_written_changed_and_deleted_is_undone(copies: Database, tmp_path: Path) -> None:
    with copies.copy(tmp_path) as url:
        before = content(url)
        with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:")) as connection:
            connection.execute("DELETE FROM signing_keys")
            connection.execute("UPDATE roles SET created_at = now()")
        assert content(url) != before
    with copies.copy(tmp_path) as again:
        assert again == url
        assert content(again) == before
        assert before["roles"]


def test_a_copy_with_another_schema_is_thrown_away(copies: Database, tmp_path: Path) -> None:
    with (
        copies.copy(tmp_path) as url,
        psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:")) as connection,
    ):
        connection.execute("ALTER TABLE users ADD COLUMN more integer")
    with copies.copy(tmp_path) as another:
        assert another != url
