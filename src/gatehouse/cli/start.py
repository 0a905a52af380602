"""`make run`: bring the database up to date, make what the first start needs, then serve.

`python -m gatehouse.cli.start`, in the project's directory. The process becomes gunicorn.
"""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple, NoReturn, TypeVar

import click
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import inspect, make_url, select, text
from sqlalchemy.exc import OperationalError

from gatehouse import cli, create_app, roles, users
from gatehouse.core.errors import Refusal
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.core.principal import Origin
from gatehouse.infra import db, keys
from gatehouse.settings import Settings, SettingsError

T = TypeVar("T")

DEFAULT_EMAIL = "admin@example.com"
ORIGIN = Origin(address="", user_agent="gatehouse.cli.start", request_id="")

SHOWN_ONCE = """
  The first administrator (this password is shown once):
    e-mail    {email}
    password  {password}
"""

NO_ADMINISTRATOR = """
  There is no account yet: set ADMIN_EMAIL and ADMIN_PASSWORD for the first administrator.
"""

READY = """
  {product} answers at {url}/api/v1

    reference   {reference}
    data        {data}
    mail        {mail}
    trouble     .venv/bin/flask doctor says what is wrong and what to do

  Log in:
    curl {url}/api/v1/auth/login \\
      -H 'Content-Type: application/json' \\
      -d '{{"username": "{email}", "password": "{password}"}}'

  Ctrl-C stops it.
"""


class Login(NamedTuple):
    """What the line to log in with shows."""

    email: str = "<e-mail>"
    password: str = "<password>"


def main() -> NoReturn:
    """Prepare and serve. What prevents that is told in a line and an exit code, not a trace."""
    # Ctrl-C ends it like any program, without a stack trace; what is half done is rolled back.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = _or_exit(Settings.load)
    _or_exit(lambda: refuse_taken_port(settings.host, settings.port))
    app = create_app(settings)
    cli.install(app)
    with app.app_context():
        _or_exit(migrate)
        login = _or_exit(lambda: prepare(settings))
    print(ready(settings, login), flush=True)
    # A fresh process: what the preparation has loaded and opened is not for the server.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn"])  # noqa: S606 - no shell is wanted


def ready(settings: Settings, login: Login) -> str:
    """Return what a newcomer wants to know: where it is, where things are kept, how to log in."""
    url = f"http://{_host(settings.host)}:{settings.port}"
    database = make_url(settings.database_url)
    return READY.format(
        product=settings.product_name,
        url=url,
        reference=f"{url}/docs" if settings.docs else f"{url}/openapi.json",
        # Never the user or the password of the URL.
        data=database.database if settings.is_sqlite else f"{database.database}, {database.host}",
        mail=(
            f"goes to {settings.smtp_host}:{settings.smtp_port}"
            if settings.smtp_host
            else f"is kept in {settings.instance_dir / 'mail'} (SMTP_HOST is not set)"
        ),
        email=login.email,
        password=login.password,
    )


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
            raise OSError(f"{_host(host)}:{port}: {reason}; choose another HOST or PORT") from None


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
        return Login(settings.admin_email) if settings.admin_email else Login()
    if settings.is_production and not (settings.admin_email and settings.admin_password):
        # A password in the log of a production system would be a finding of its own.
        print(NO_ADMINISTRATOR, flush=True)
        return Login()
    return _make_first_administrator(settings)


def _make_first_administrator(settings: Settings) -> Login:
    email = settings.admin_email or DEFAULT_EMAIL
    given = settings.admin_password
    password = given.value if given else secrets.token_urlsafe(15)
    body = {"email": email, "password": password, "roles": [SUPER_ADMIN]}
    row = users.create(body, actor=None, origin=ORIGIN, is_permanent=True)
    with db.unit():
        users.mark_verified(row.id, row.email)
    if given:
        return Login(email)
    print(SHOWN_ONCE.format(email=email, password=password), flush=True)
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


def _host(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
