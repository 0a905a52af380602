"""The services that are compared: how each is started, and how it is asked for the same things."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from bench import tokens
from bench.client import Request
from bench.machine import PEERS_PYTHON

PASSWORD = "seven quiet lanterns"
FORM = "application/x-www-form-urlencoded"
ORIGIN = "https://app.example.org"
WORKERS = 2
HERE = Path(__file__).resolve().parent / "peers"

Person = tuple[str, str]
"""An e-mail address and an access token."""


@dataclass(frozen=True, slots=True)
class Api:
    """What the same things are called here."""

    me: str = "/api/v1/users/me"
    page: str = "/api/v1/users?skip={skip}&limit=100"
    users: Callable[[Any], list[dict[str, Any]]] = lambda document: document
    login: Callable[[str, str], Request] | None = None
    sign_up: Callable[[str, str], Request] | None = None


@dataclass(slots=True)
class Service:
    """One of those that are compared; `people` ask for themselves, `readers` for the list."""

    name: str
    title: str
    command: list[str | Path]
    environment: dict[str, str]
    home: Path
    api: Api
    host: str = "127.0.0.1"
    people: list[Person] = field(default_factory=list)
    readers: list[Person] = field(default_factory=list)


def json_login(path: str) -> Callable[[str, str], Request]:
    """Return how one logs in with JSON: of an e-mail and an address, a request."""

    def request(email: str, address: str) -> Request:
        body = orjson.dumps({"username": email, "password": PASSWORD})
        return Request("POST", path, body, address=address)

    return request


def form_login(path: str) -> Callable[[str, str], Request]:
    """Return how one logs in with a form."""

    def request(email: str, address: str) -> Request:
        body = f"username={quote(email)}&password={quote(PASSWORD)}".encode()
        return Request("POST", path, body, FORM, address=address)

    return request


def sign_up(path: str) -> Callable[[str, str], Request]:
    """Return how one signs up: of a username and an address, a request."""

    def request(name: str, address: str) -> Request:
        account = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        return Request("POST", path, orjson.dumps(account), address=address)

    return request


def gunicorn(python: str | Path, app: str, *options: str) -> list[str | Path]:
    """Return the command of a peer; the port is filled in when it starts."""
    return [
        *(python, "-m", "gunicorn", app, "--workers", str(WORKERS), *options),
        *("--bind", "127.0.0.1:{port}", "--reuse-port", "--keep-alive", "75", "--timeout", "120"),
        *("--no-control-socket", "--log-level", "warning"),
        *(("--worker-tmp-dir", "/dev/shm") if Path("/dev/shm").is_dir() else ()),
    ]


def peers(database: str, redis: str, *, people: int) -> list[Service]:
    """Return the peers that share a database, which `data.fill_peers` has filled."""
    secret = tokens.secret()
    known = [(f"user{n}@example.com", tokens.hs256(secret, str(n))) for n in range(1, people + 1)]
    common = {"SECRET_KEY": secret, "CORS_ORIGINS": f'["{ORIGIN}"]'}
    own = {**common, "DATABASE_URL": database.replace("postgresql:", "postgresql+asyncpg:", 1)}
    fastapi_command = gunicorn(
        PEERS_PYTHON, "fastapi_peer:app", "--worker-class", "uvicorn_worker.UvicornWorker"
    )
    fastapi_api = Api(
        login=form_login("/api/v1/auth/token"),
        sign_up=sign_up("/api/v1/users"),
    )
    flask_environment = {
        **common,
        "DATABASE_URL": database.replace("postgresql:", "postgresql+psycopg:", 1),
        "REDIS_URL": redis,
        "POOL_SIZE": "8",
    }
    found = [
        Service("fastapi", "FastAPI", fastapi_command, own, HERE, fastapi_api),
        Service(
            "fastapi_threads",
            "FastAPI, hashing in threads",
            fastapi_command,
            {**own, "HASH_IN_THREAD": "1"},
            HERE,
            fastapi_api,
        ),
        Service(
            "flask",
            "Flask, as written first",
            gunicorn(
                *(sys.executable, "flask_peer:create_app()"),
                *("--worker-class", "gthread", "--threads", "8"),
            ),
            flask_environment,
            HERE,
            Api(login=json_login("/api/v1/auth/login"), sign_up=sign_up("/api/v1/users")),
        ),
        Service(
            "bare",
            "bare WSGI: the limit",
            gunicorn(
                sys.executable, "bare_wsgi:app", "--worker-class", "gthread", "--threads", "4"
            ),
            {**common, "DATABASE_URL": database},
            HERE,
            Api(me="/me", page="/list"),
        ),
    ]
    for service in found:
        service.people = service.readers = known
    return found


def django(database: str, *, people: int) -> Service:
    """Return the peer whose tables Django makes; `data.fill_django` has filled them."""
    secret = tokens.secret()
    known = [(f"user{n}@example.com", tokens.hs256(secret, str(n))) for n in range(1, people + 1)]
    options = ("--worker-class", "gthread", "--threads", "4")
    return Service(
        "django",
        "Django REST, djoser",
        gunicorn(PEERS_PYTHON, "django_peer:app", *options),
        {"SECRET_KEY": secret, "DATABASE_URL": database},
        HERE,
        Api(
            me="/auth/users/me/",
            page="/auth/users/?limit=100&offset={skip}",
            users=lambda document: document["results"],
        ),
        people=known,
        readers=known,
    )
