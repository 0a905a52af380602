"""A PgBouncer before the PostgreSQL of the tests: transaction mode, few sessions."""

import os
import shutil
from contextlib import ExitStack
from signal import SIGINT

import psycopg
import pytest
from sqlalchemy import make_url

from tests.servers import server

# Fewer than the threads that ask, so that statements of one client run in all of them.
SESSIONS = 3
# As docs/deploying.md has it.
CONFIGURATION = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = {auth}
auth_file = {home}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
{line}
"""


def start(stack: ExitStack, database_url: str, *, line: str) -> str:
    """Start one with a line of the configuration; return the URL of the database through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        said = "pgbouncer is not installed; Debian and Ubuntu: apt install pgbouncer"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    url = make_url(database_url)
    home = server.directory("pgbouncer", stack)
    own_port = server.free_port()
    (home / "users").write_text(f'"{url.username}" "{url.password or ""}"\n')
    (home / "ini").write_text(
        CONFIGURATION.format(
            host=url.host,
            port=url.port or 5432,
            own_port=own_port,
            auth="scram-sha-256" if url.password else "trust",
            home=home,
            sessions=SESSIONS,
            line=line,
        )
    )
    log = server.spawn([program, home / "ini"], cwd=home, stack=stack, stop_signal=SIGINT)
    through = url.set(drivername="postgresql", host="127.0.0.1", port=own_port)
    text = through.render_as_string(hide_password=False)
    server.wait(lambda: psycopg.connect(text).close(), log=log, errors=psycopg.OperationalError)
    return text
