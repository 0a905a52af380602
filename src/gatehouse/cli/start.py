"""`make run`: bring the database up to date, make what the first start needs, then serve.

`python -m gatehouse.cli.start`, in the project's directory. The process becomes gunicorn.
"""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import click
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import OperationalError

from gatehouse import cli, create_app, roles, users
from gatehouse.cli import welcome
from gatehouse.cli.welcome import Login, url_host
from gatehouse.core.errors import Refusal
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.core.principal import Origin
from gatehouse.infra import db, keys, redis
from gatehouse.settings import Settings, SettingsError

T = TypeVar("T")

DEFAULT_EMAIL = "admin@example.com"
ORIGIN = Origin(address="", user_agent="gatehouse.cli.start", request_id="")


def main() -> NoReturn:
    """Prepare and serve. What prevents that is told in a line and an exit code, not a trace."""
    # Ctrl-C ends it like any program, without a stack trace; what is half done is rolled back.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = _or_exit(Settings.load)
    _or_exit(lambda: refuse_taken_port(settings.host, settings.port))
    app = _or_exit(lambda: create_app(settings))
    cli.install(app)
    with app.app_context():
        _or_exit(migrate)
        login = _or_exit(lambda: prepare(settings))
        is_redis_away = redis.is_away()
    print(welcome.ready(settings, login, is_redis_away=is_redis_away), flush=True)
    # A fresh process: what the preparation has loaded and opened is not for the server.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn"])  # noqa: S606 - no shell is wanted


def refuse_taken_port(host: str, port: int) -> None:
    """Raise OSError when somebody listens there: `reuse_port` would silently share the port."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of a server that has just stopped do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(
                f"{url_host(host)}:{port}: {reason}; choose another HOST or PORT"
            ) from None


def migrate() -> None:
    """Bring the schema to the newest revision; where it is there, two statements find out."""
    newest = ScriptDirectory(str(db.MIGRATIONS)).get_current_head()
    with db.reader.engine.connect() as connection:
        if inspect(connection).has_table("alembic_version"):
            present = connection.scalar(text("SELECT version_num FROM alembic_version"))
            if present == newest:
                return
    print("Bringing the database up to date ...", flush=True)
    upgrade(directory=str(db.MIGRATIONS))


def prepare(settings: Settings) -> Login:
    """Make what the first start lacks: built-in roles, signing key, first administrator."""
    with db.unit():
        roles.ensure_built_in()
    keys.ensure()
    if db.reader.row(select(users.PUBLIC_COLUMNS[0]).limit(1)) is not None:
        return _present(settings)
    if settings.is_production and not (settings.admin_email and settings.admin_password):
        # A password in the log of a production system would be a finding of its own.
        print(welcome.NO_ADMINISTRATOR, flush=True)
        return Login()
    return _make_first_administrator(settings)


def _present(settings: Settings) -> Login:
    """Return with whom one can log in who is there; an ADMIN_EMAIL who is not comes too late."""
    email = settings.admin_email
    if email is None:
        return Login()
    if users.found(email) is not None:
        return Login(email)
    people = users.User.__table__.c
    is_administrator = (
        roles.has_role(people.id, SUPER_ADMIN),
        people.is_active,
        people.deleted_at.is_(None),
    )
    there = db.reader.scalar(
        select(people.email).where(*is_administrator).order_by(people.id).limit(1)
    )
    print(welcome.not_used(email, there=there, settings=settings), flush=True)
    return Login(there) if there else Login()


def _make_first_administrator(settings: Settings) -> Login:
    email = settings.admin_email or DEFAULT_EMAIL
    given = settings.admin_password
    password = given.value if given else secrets.token_urlsafe(15)
    body = {"email": email, "password": password, "roles": [SUPER_ADMIN]}
    users.create(body, actor=None, origin=ORIGIN, is_permanent=True, is_verified=True)
    if given:
        return Login(email)
    print(welcome.SHOWN_ONCE.format(email=email, password=password), flush=True)
    return Login(email, password)


def _or_exit(step: Callable[[], T]) -> T:
    try:
        return step()
    except SettingsError as error:
        lines = error.problems
    except Refusal as refusal:
        errors = refusal.errors or {}
        lines = [f"ADMIN_{name.upper()}: {' '.join(said)}" for name, said in errors.items()]
        lines = lines or [str(refusal)]
    except OperationalError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        lines = [f"The database does not answer: {reason}; see DATABASE_URL"]
    except click.ClickException as error:  # of a migration
        lines = [error.message]
    except OSError as error:
        lines = [str(error)]
    print("\n".join(lines), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
