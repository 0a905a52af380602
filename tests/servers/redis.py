"""A Redis (or Valkey) for the tests: given, installed, running, or from a package."""

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import redis

from tests.servers import packages, server
from tests.servers.server import Server, ServerUnavailableError

BINARIES = ("redis-server", "valkey-server")
LOOPBACK = "redis://127.0.0.1:6379"
SPARE_DATABASES = range(8, 16)

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {home}
databases 64
save ""
appendonly no
"""


def attempts(stack: ExitStack) -> Iterator[Callable[[], Server]]:
    """Yield the ways to a server: TEST_REDIS_URL alone, or installed, running, a package."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield lambda: _describe(given, "TEST_REDIS_URL")
        return
    for name in BINARIES:
        if found := shutil.which(name):
            yield partial(_start, Path(found), f"found at {found}", stack)
    yield _running
    yield lambda: _start(
        packages.folder("valkey-server", stack) / "valkey-server", "from a package", stack
    )


def for_process(url: str, number: int) -> str:
    """Return the address for one of several test processes: each has a database of its own."""
    base, _, database = url.partition("?")[0].rpartition("/")
    if not database.isdigit():
        base, database = url.rstrip("/"), "0"
    return f"{base}/{int(database) + number}"


def _describe(url: str, origin: str) -> Server:
    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            facts = client.info("server")
    except redis.RedisError as error:
        raise ServerUnavailableError(f"{origin}: {error}") from error
    if "valkey_version" in facts:
        return Server("Valkey", facts["valkey_version"], url, origin)
    return Server("Redis", facts["redis_version"], url, origin)


def _running() -> Server:
    # Somebody's own server: only databases that are empty are touched.
    try:
        with redis.Redis.from_url(LOOPBACK, socket_timeout=1, socket_connect_timeout=1) as client:
            taken = {int(name.removeprefix("db")) for name in client.info("keyspace")}
    except redis.RedisError as error:
        raise ServerUnavailableError(f"{LOOPBACK}: {error}") from error
    if taken & set(SPARE_DATABASES):
        raise ServerUnavailableError(f"{LOOPBACK}: databases 8 to 15 are in use")
    return _describe(f"{LOOPBACK}/{SPARE_DATABASES[0]}", f"running at {LOOPBACK}")


def _start(binary: Path, origin: str, stack: ExitStack) -> Server:
    home = server.directory("redis", stack)
    password = secrets.token_urlsafe(16)
    port = server.free_port()
    # The configuration goes in through standard input: a command line shows its password to all.
    text = CONFIGURATION.format(port=port, password=password, home=home)
    log = server.spawn([binary, "-"], cwd=home, stack=stack, stop_signal=signal.SIGTERM, stdin=text)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with redis.Redis.from_url(url) as client:
        server.wait(client.ping, log=log, errors=redis.RedisError)
    return _describe(url, origin)
