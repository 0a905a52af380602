"""Gatehouse as it ships: in production on PostgreSQL and Redis, or alone on SQLite."""

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.services import ORIGIN, PASSWORD, WORKERS, Api, Service, json_login, sign_up
from tests.servers.server import ROOT
from tests.support import smtp_sink, started

# Two sets of so many people: those who ask for themselves, and administrators, who may list.
PEOPLE = 1_000
HOST = "accounts.example.org"
# Only of the tokens that are made beforehand, so that they outlive the run; its own live as always.
TOKEN_MINUTES = "240"
API = Api(
    users=lambda document: document["users"],
    login=json_login("/api/v1/auth/login"),
    sign_up=sign_up("/api/v1/users"),
)


def production(home: Path, database: str, redis: str, *, smtp_port: int) -> Service:
    """Return the service in production mode; its database is empty and nothing has been made."""
    started.link(home)
    environment = {
        **smtp_sink.variables(smtp_port),
        "PYTHONPATH": "src",
        "APP_ENV": "production",
        "WORKERS": str(WORKERS),
        "TRUSTED_HOSTS": HOST,
        # Every request names another client, as a proxy would: limits count by address.
        "TRUSTED_PROXIES": "127.0.0.1",
        "CORS_ORIGINS": ORIGIN,
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "SECRET_KEY": secrets.token_hex(32),
        "DATA_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "METRICS_TOKEN": secrets.token_hex(32),
        # A line for each request is an access log, and those are off for all.
        "LOG_LEVEL": "WARNING",
        # Nobody routes here who would have to notice that it is about to stop.
        "SHUTDOWN_DELAY_SECONDS": "0",
    }
    command: list[str | Path] = [sys.executable, "-m", "gunicorn"]
    return Service("gatehouse", "Gatehouse", command, environment, home, API, HOST)


def embedded(home: Path) -> Service:
    """Return the service as `make run` starts it: SQLite, one worker, nothing else needed."""
    started.link(home)
    environment = {
        "PYTHONPATH": "src",
        # Tokens name who issued them, else by a port that is known only when it starts.
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
    }
    command: list[str | Path] = [sys.executable, "-m", "gatehouse.cli.start"]
    return Service("embedded", "Gatehouse on SQLite", command, environment, home, API)


def prepare(service: Service, *, people: int) -> None:
    """Make schema, keys and people, and the tokens of those who will ask."""
    flask(service, "db", "upgrade")
    flask(service, "keys", "generate")
    seed(service, people)
    made = inside(service, "tokens", "--people", str(PEOPLE))
    service.people, service.readers = made["people"], made["readers"]


def seed(service: Service, people: int) -> None:
    """Fill an empty database with people, all with one password."""
    flask(service, "seed", "--users", str(people), "--password", PASSWORD, "--force")


def flask(service: Service, *arguments: str) -> None:
    """Run a command of the service."""
    _run(service, [sys.executable, "-m", "flask", *arguments])


def inside(service: Service, *arguments: str, stdin: str = "") -> Any:
    """Run `bench.inside` with the settings of the service, and return what it found."""
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    command = [sys.executable, "-m", "bench.inside", *arguments]
    more = {"PYTHONPATH": path, "ACCESS_TOKEN_EXPIRE_MINUTES": TOKEN_MINUTES}
    return json.loads(_run(service, command, stdin=stdin, **more))


def on(service: Service, database: str) -> Service:
    """Return the same service on another database, which has no people yet."""
    environment = {**service.environment, "DATABASE_URL": database}
    name = f"{service.name}-{urlsplit(database).path[-4:]}"
    return Service(name, *(service.title, service.command, environment, service.home), API, HOST)


def _run(service: Service, command: list[str], *, stdin: str = "", **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=service.home,
        env={"PATH": os.environ["PATH"], **service.environment, **variables},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:4])}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
