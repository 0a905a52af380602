"""`flask doctor` on databases with planted faults: schema, encoding, clock, journal, replica."""

import secrets
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, text

from gatehouse.cli.doctor import replica, sqlite_file
from gatehouse.infra import db
from tests.cli.commands import program
from tests.cli.test_doctor import execute, odd, wrong
from tests.conftest import MakeApp
from tests.servers import postgres, server
from tests.servers.server import free_port
from tests.support.clocks import Clock


def test_a_schema_behind_the_code(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(db.MIGRATIONS, copy)
    (copy / "versions/9999_next.py").write_text(
        f"revision = '9999_next'\ndown_revision = '{newest(app)}'\n"
        "def upgrade() -> None: ...\ndef downgrade() -> None: ...\n"
    )
    monkeypatch.setattr(db, "MIGRATIONS", copy)
    assert "behind this code (9999_next) -> flask db upgrade" in wrong(app)["database"]


def test_a_schema_ahead_of_the_code(app: Flask) -> None:
    """The advice is never to migrate with the older code."""
    execute(app, "UPDATE alembic_version SET version_num = '9999_newer'")
    told = wrong(app)["database"]
    assert "9999_newer, which this code does not know" in told
    assert "flask db upgrade" not in told


def newest(app: Flask) -> str:
    with app.app_context():
        return str(db.reader.scalar(text("SELECT version_num FROM alembic_version")))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding(postgres_url: str, tmp_path: Path, encoding: str) -> None:
    name = f"gatehouse_{secrets.token_hex(6)}"
    options = f"ENCODING {encoding} LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}")
        try:
            url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
            outcome = program(tmp_path, url, "doctor")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert outcome.code == 1
    assert f"its encoding is {encoding}" in outcome.out
    assert "ENCODING 'UTF8'" in outcome.out


def test_clocks_that_differ(app: Flask, clock: Clock, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("a file has no clock of its own")
    assert "clock" not in odd(app)
    clock.forward(seconds=3)
    assert "its clock is 3.0 s behind ours" in odd(app)["clock"]
    clock.forward(seconds=3)
    assert "(NTP)" in wrong(app)["clock"]


def test_connections_in_another_time_zone(app: Flask, database_url: str) -> None:
    """What a pooler does that keeps no zone for its clients."""
    if database_url.startswith("sqlite"):
        pytest.skip("a file has no time zone")
    with on_connect(app, "SET timezone = 'Europe/Berlin'"):
        assert "Europe/Berlin" in odd(app)["clock"]


def test_a_journal_that_is_not_wal(app: Flask, database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL has no such journal")
    with on_connect(app, "PRAGMA journal_mode = DELETE"):
        assert "its journal is delete, not WAL" in wrong(app)["database"]


@contextmanager
def on_connect(app: Flask, statement: str) -> Iterator[None]:
    """Let every new reading connection carry out a statement."""
    with app.app_context():
        engine = db.reader.engine

    def spoil(connection: Any, _record: Any) -> None:
        connection.execute(statement)

    engine.dispose()
    event.listen(engine, "connect", spoil)
    yield
    event.remove(engine, "connect", spoil)
    engine.dispose()


def test_a_damaged_file(app: Flask, database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL looks after its own files")
    path = Path(database_url.removeprefix("sqlite:///"))
    with app.app_context():
        db.reader.engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    page = len(content) // 4096 // 2
    content[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    assert "restore a backup" in wrong(app)["database"]


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw shared:2 - nfs4 server:/srv rw
31 30 8:2 / /srv/local\\040disk rw - xfs /dev/sdb1 rw
"""


def test_a_file_on_a_network(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, kind in {
        "/data/x.db": "ext4",
        "/srv/x.db": "nfs4",
        "/srv/local disk/x.db": "xfs",
    }.items():
        assert sqlite_file.file_system(Path(path), MOUNTS) == kind
    if database_url.startswith("sqlite"):
        everything = MOUNTS.replace(" /srv ", " / ")
        monkeypatch.setattr(sqlite_file, "_mounts", lambda: everything)
        assert "a network file system (nfs4)" in wrong(app)["database"]


def test_a_replica_that_is_none(make_app: MakeApp, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has no replicas")
    assert "no replica but a primary" in odd(make_app(DATABASE_READ_URL=database_url))["replica"]
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    assert "DATABASE_READ_URL" in wrong(make_app(DATABASE_READ_URL=away))["replica"]


@pytest.mark.full
def test_a_replica_that_is_late(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one, told to apply everything an hour later."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has no replicas")
    places = [Path(p) for place in postgres.PLACES for p in Path("/").glob(place[1:])]
    with psycopg.connect(database_url) as connection:
        major = connection.info.server_version // 10_000
    folder = next((one for one in places if f"/{major}/" in str(one)), None)
    if folder is None or not (folder / "pg_basebackup").exists():
        pytest.skip("pg_basebackup is missing: apt install postgresql")
    monkeypatch.setattr(replica, "_LATE_SECONDS", 0)
    with ExitStack() as stack:
        home = server.directory("replica", stack)
        copy = [folder / "pg_basebackup", "-d", database_url, "-D", home / "data", "-R"]
        server.run([*copy, "-c", "fast", "--no-sync"], cwd=home)
        port = free_port()
        options = [f"port={port}", "recovery_min_apply_delay=1h", "unix_socket_directories="]
        start: list[str | Path] = [folder / "postgres", "-D", home / "data"]
        for option in (*options, "max_connections=500", "listen_addresses=127.0.0.1"):
            start += ["-c", option]
        log = server.spawn(start, cwd=home, stack=stack, stop_signal=signal.SIGINT)
        parts = urlsplit(database_url)
        there = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}")

        def connect() -> None:
            psycopg.connect(urlunsplit(there)).close()

        server.wait(connect, log=log, errors=psycopg.OperationalError)
        app = make_app(DATABASE_READ_URL=urlunsplit(there))
        execute(app, "UPDATE roles SET description = description")
        assert "pg_stat_replication" in odd(app)["replica"]
