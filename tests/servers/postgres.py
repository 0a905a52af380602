"""A PostgreSQL with the right to create databases: given, installed, running, or from a package."""

import getpass
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.servers import packages, server
from tests.servers.server import Server, ServerUnavailableError

OLDEST = 15
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")

# Tests lose nothing that matters when the power fails: speed instead of durability.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "500",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}
# What makes guessing slow would be paid at each connection, and a random password is not guessed.
CHEAP = {False: ["--auth=md5"], True: ["--auth=scram-sha-256", "--set=scram_iterations=1"]}
# A linguistic order of words shows where the code silently counts on the order of bytes.
LOCALES = (["--locale-provider=icu", "--icu-locale=en-US", "--locale=C"], ["--locale=C"])


def attempts(stack: ExitStack) -> Iterator[Callable[[], Server]]:
    """Yield the ways to a server: TEST_DATABASE_URL alone, or installed, running, a package."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield lambda: _describe(_plain(given), "TEST_DATABASE_URL")
        return
    for folder in _installed():
        yield partial(_start, folder, f"found at {folder}", stack)
    for url in _running():
        yield partial(_describe, url, f"running at {url.rpartition('@')[2]}")
    yield lambda: _start(packages.folder("postgres", stack), "from a package", stack)


def _plain(url: str) -> str:
    # SQLAlchemy names its driver in the scheme; psycopg does not know that form.
    scheme, _, rest = url.partition("://")
    return f"postgresql://{rest}" if scheme.startswith("postgres") else url


def _installed() -> Iterator[Path]:
    folders = []
    if found := shutil.which("postgres"):
        folders.append(Path(found).resolve().parent)
    for place in PLACES:
        folders += Path("/").glob(place.removeprefix("/"))
    for folder in sorted(folders, key=_version, reverse=True):
        if _version(folder) >= OLDEST and (folder / "initdb").exists():
            yield folder


def _version(folder: Path) -> int:
    try:
        words = server.run([folder / "postgres", "--version"], cwd=Path("/")).split()
    except (ServerUnavailableError, OSError):
        return 0
    return int(words[2].partition(".")[0])


def _running() -> Iterator[str]:
    host = os.environ.get("PGHOST", "127.0.0.1")
    port = os.environ.get("PGPORT", "5432")
    for user in dict.fromkeys((os.environ.get("PGUSER"), getpass.getuser(), "postgres")):
        if user:
            yield f"postgresql://{quote(user)}@{quote(host, safe='')}:{port}/postgres"


def _describe(url: str, origin: str) -> Server:
    query = "select rolcreatedb or rolsuper from pg_roles where rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(query).fetchone()
            number = connection.info.server_version
            version = connection.info.parameter_status("server_version") or "?"
    except psycopg.Error as error:
        raise ServerUnavailableError(f"{origin}: {str(error).splitlines()[0]}") from error
    if number < OLDEST * 10_000:
        raise ServerUnavailableError(f"{origin}: {version} is older than {OLDEST}")
    if not row or not row[0]:
        raise ServerUnavailableError(f"{origin}: the user may not create databases")
    return Server("PostgreSQL", version.split()[0], url, origin)


def _start(folder: Path, origin: str, stack: ExitStack) -> Server:
    home = server.directory("postgres", stack)
    data = home / "data"
    password = secrets.token_urlsafe(16)
    make_cluster(folder, data, password=password)
    port = server.free_port()
    command: list[str | Path] = [folder / "postgres", "-D", data, "-c", f"port={port}"]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    log = server.spawn(command, cwd=home, stack=stack, stop_signal=signal.SIGINT)
    url = f"postgresql://gatehouse:{password}@127.0.0.1:{port}/postgres"
    server.wait(lambda: psycopg.connect(url).close(), log=log, errors=psycopg.OperationalError)
    return _describe(url, origin)


def folder(stack: ExitStack) -> Path:
    """Return where PostgreSQL's programs are: installed, or unpacked from a package."""
    return next(_installed(), None) or packages.folder("postgres", stack)


def make_cluster(folder: Path, data: Path, *, password: str) -> None:
    """Make an empty cluster whose user is `gatehouse`."""
    # The password keeps other users of the machine out; initdb takes it from a file only.
    secret = data.parent / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user := server.owner():
        os.chown(secret, user.pw_uid, user.pw_gid)
    command: list[str | Path] = [folder / "initdb", "-D", data, "-U", "gatehouse"]
    command += [
        f"--pwfile={secret}",
        *CHEAP[_version(folder) >= 16],
        "--encoding=UTF8",
        "--no-sync",
    ]
    for locale in LOCALES:
        try:
            server.run([*command, *locale], cwd=data.parent)
        except ServerUnavailableError:
            if locale is LOCALES[-1]:
                raise
            shutil.rmtree(data, ignore_errors=True)
        else:
            return
