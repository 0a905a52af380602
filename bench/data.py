"""The databases of a run: made for it, filled, and dropped with it."""

import hashlib
import subprocess
from contextlib import ExitStack
from uuid import uuid4

import bcrypt
import psycopg
from psycopg import sql

from bench.machine import PEERS_PYTHON
from bench.services import HERE, PASSWORD
from tests import servers

# What SQLAlchemy makes of the peers' model.
_PEERS = """
CREATE TABLE users (
    id serial PRIMARY KEY,
    email varchar NOT NULL,
    username varchar NOT NULL,
    hashed_password varchar NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    is_superuser boolean NOT NULL DEFAULT false,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp
);
INSERT INTO users (email, username, hashed_password, updated_at)
    SELECT 'user' || n || '@example.com', 'user' || n, {hash}, now()
    FROM generate_series(1, {people}) AS n;
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE UNIQUE INDEX ix_users_username ON users (username);
"""


class Databases:
    """A PostgreSQL and a Redis for the run; everything goes with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server = servers.find("PostgreSQL", stack)
        self._redis = servers.find("Redis", stack)
        self.redis = self._redis.url
        self.labels = [self._server.label, self._redis.label]

    def create(self) -> str:
        """Return the address of a new database that is dropped with the run."""
        name = f"gatehouse_bench_{uuid4().hex[:8]}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._stack.callback(self.drop, name)
        return f"{self._server.url.rpartition('/')[0]}/{name}"

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(sql.Identifier(name.rpartition("/")[2])))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(statement)


def fill_peers(url: str, *, people: int) -> None:
    """Make the peers' table with so many people, all with one password."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()
    execute(url, sql.SQL(_PEERS).format(hash=sql.Literal(hashed), people=sql.Literal(people)))
    settle(url)


def fill_django(url: str, *, people: int) -> None:
    """Let Django make its tables, with so many people who have the same password."""
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest().encode()
    hashed = f"bcrypt_sha256${bcrypt.hashpw(digest, bcrypt.gensalt(12)).decode()}"
    subprocess.run(
        [PEERS_PYTHON, HERE / "django_peer.py", hashed, str(people)],
        env={"SECRET_KEY": "only for making tables", "DATABASE_URL": url},
        check=True,
    )
    settle(url)


def execute(url: str, statement: str | sql.Composed) -> None:
    """Execute statements in one database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def settle(url: str) -> None:
    """Let a freshly filled database look like one that has run for a while."""
    execute(url, "VACUUM (ANALYZE)")
    execute(url, "CHECKPOINT")


def settings(url: str) -> dict[str, str]:
    """Return the settings of the server that matter to a measurement."""
    names = ("server_version", "shared_buffers", "fsync", "synchronous_commit", "ssl")
    with psycopg.connect(url) as connection:
        return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in names}
