"""What `make run` says before it serves: where things are, and how to log in."""

from typing import NamedTuple

from sqlalchemy import make_url

from gatehouse.settings import Settings

SHOWN_ONCE = """
  The first administrator (this password is shown once):
    e-mail    {email}
    password  {password}
"""

NO_ADMINISTRATOR = """
  There is no account yet: set ADMIN_EMAIL and ADMIN_PASSWORD for the first administrator.
"""

NOT_USED = """
  ADMIN_EMAIL={email} is not used: there {there} already.
    another administrator   .venv/bin/flask users create {email} --role super_admin
    a new beginning         {anew}
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

REDIS_AWAY = """
  REDIS_URL: Redis does not answer. Until it does, each process counts limits by itself.
"""


class Login(NamedTuple):
    """What the line to log in with shows."""

    email: str = "<e-mail>"
    password: str = "<password>"


def ready(settings: Settings, login: Login, *, is_redis_away: bool) -> str:
    """Return what a newcomer wants to know: where it is, where things are kept, how to log in."""
    url = f"http://{url_host(settings.host)}:{settings.port}"
    database = make_url(settings.database_url)
    said = READY.format(
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
    return said + (REDIS_AWAY if is_redis_away else "")


def not_used(email: str, *, there: str | None, settings: Settings) -> str:
    """Return why no account was made for ADMIN_EMAIL, and what to do; `there` is who stands in."""
    return NOT_USED.format(
        email=email,
        there=f"is an administrator ({there})" if there else "are accounts",
        anew=(
            f"rm -r {settings.instance_dir} (deletes all data)"
            if settings.is_sqlite
            else "an empty database in DATABASE_URL"
        ),
    )


def url_host(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
