"""PostgreSQL on a machine: a cluster where Debian keeps it, stopped and started like a service."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.docs.machine import Machine, Unit
from tests.servers import postgres, server

DATA = "var/lib/postgresql/15/main"
TOOLS = ("pg_dump", "pg_restore", "pg_basebackup", "psql", "createdb")
# As a server has them, but for what only makes tests slow.
OPTIONS = {"unix_socket_directories": "", "fsync": "off", "log_min_messages": "fatal"}


def programs() -> Path:
    """Return the folder of the newest PostgreSQL with all its tools, or skip."""
    for folder in postgres._installed():
        if all((folder / name).exists() for name in TOOLS):
            return folder
    said = f"PostgreSQL with {', '.join(TOOLS)} is not installed; Debian: apt install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(said)
    pytest.skip(said)


def add(
    machine: Machine, *, address: str, port: int, password: str, is_empty: bool = False
) -> None:
    """Give a machine a PostgreSQL of its own as the unit `postgresql`; it is started."""
    folder, data = programs(), machine.root / DATA
    data.parent.mkdir(parents=True, exist_ok=True)
    if user := server.owner():
        os.chown(data.parent, user.pw_uid, user.pw_gid)
    given = {"PGHOST": address, "PGPORT": str(port), "PGPASSWORD": password, "PGUSER": "postgres"}
    lines = [f"{name}={value}" for name, value in given.items()]
    (machine.root / "postgres").write_text("\n".join([*lines, f"PATH={folder}:$PATH", ""]))
    if not is_empty:
        _make(folder, data, password=password)

    def start() -> subprocess.Popen[bytes]:
        options = {**OPTIONS, "listen_addresses": address, "port": str(port)}
        log = machine.root / "log-postgresql"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [
                    *(str(folder / "postgres"), "-D", str(data)),
                    *(word for option in options.items() for word in ("-c", "=".join(option))),
                ],
                cwd="/",
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                env=server.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=server.die_with_parent if sys.platform == "linux" else None,
            )
        server.wait(
            lambda: psycopg.connect(
                f"postgresql://postgres:{password}@{address}:{port}/postgres"
            ).close(),
            log=log,
            errors=psycopg.OperationalError,
        )
        return process

    machine.units = {"postgresql": Unit(start, signal.SIGINT), **machine.units}
    if not is_empty:
        machine.serve("start", "postgresql")


def _make(folder: Path, data: Path, *, password: str) -> None:
    secret = data.parent / f"password-{secrets.token_hex(4)}"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user := server.owner():
        shutil.chown(secret, user.pw_uid, user.pw_gid)
    server.run(
        [
            *(folder / "initdb", "-D", data, "-U", "postgres", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        cwd=data.parent,
    )
    secret.unlink()
