"""An installation as Deploying makes it, on a machine in small, with the servers around it."""

import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis as redis_client
import urllib3

from tests.docs import clusters
from tests.docs.machine import Machine, Unit
from tests.docs.pages import DOCS, blocks
from tests.servers import redis, server
from tests.support import smtp_sink
from tests.support.answers import OverNetwork
from tests.support.api import Api, Person

ADA = ("ada@example.org", "seven green lanterns")
DEPLOYING = blocks((DOCS / "deploying.md").read_text())
PROGRAMS = {"git": "git", "openssl": "openssl", "curl": "curl", "sqlite3": "sqlite3"}
# The two instances, the servers of database and the one of Redis as the pages name them.
ADDRESSES = {"10.0.0.1": "127.0.0.2", "10.0.0.2": "127.0.0.3"}
REDIS = "6379"
EXEC = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"


@dataclass(slots=True)
class Site:
    """The machines, and what was seen of them so far."""

    kind: str
    machine: Machine
    standby: Machine | None = None
    seen: dict[str, Any] = field(default_factory=dict)

    def client(self, port: str = "8000") -> Api:
        """Return a client of an instance."""
        return Api(OverNetwork(f"http://127.0.0.1:{self.machine.words[port]}"))

    def log_in(self) -> Person:
        """Log in as the administrator."""
        return self.client().log_in(*ADA)

    def ports(self) -> list[str]:
        """Return the instances that there are."""
        return [port for port in ("8000", "8001") if f"gatehouse@{port}" in self.machine.units]

    def here(self, script: str) -> str:
        """Return a script for as many instances as there are."""
        if self.kind == "postgresql":
            return script
        return script.replace(" gatehouse@8001", "").replace(" 8001", "")

    def wait(self) -> None:
        """Wait until every instance serves."""
        limit = time.monotonic() + 180
        for port in self.ports():
            while status(self, port) != 200:
                if time.monotonic() > limit:
                    log = self.machine.root / f"log-{port}"
                    raise AssertionError(log.read_text()[-3000:])
                time.sleep(0.1)


def status(site: Site, port: str, path: str = "/ready") -> int:
    """Return what an instance answers there; 0 while nobody listens."""
    try:
        return site.client(port).request("GET", path).status
    except urllib3.exceptions.HTTPError:
        return 0


@contextmanager
def installed(kind: str, prelude: str) -> Iterator[Site]:
    """Install as Deploying says, with what only a test needs instead of the world around."""
    for name, package in PROGRAMS.items():
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed; Debian and Ubuntu: apt install {package}")
    with ExitStack() as stack:
        site = Site(kind, Machine.make(stack))
        machine = site.machine
        if kind == "postgresql":
            site.standby = _with_servers(machine, stack)
        else:
            del machine.units["gatehouse@8001"]  # one process owns the file
        secrets_made = _block("umask 077")
        machine.run(secrets_made[secrets_made.index("(\n") : secrets_made.index(")\n") + 2])
        sink = server.free_port()
        stack.enter_context(smtp_sink.serving(smtp_sink.Sink(), port=sink))
        settings = machine.root / "etc/gatehouse.env"
        settings.write_text(machine.here(_variables(kind, smtp_port=sink)))
        first_start = _block("flask keys generate").replace(".venv/bin/flask", "flask")
        machine.run(site.here(f"{prelude}\n{first_start}"))
        instances = [name for name in machine.units if name.startswith("gatehouse@")]
        machine.serve("start", *instances)
        site.wait()
        yield site


def _block(words: str) -> str:
    """Return the first block of Deploying with these words: without containers."""
    return next(block.text for block in DEPLOYING if words in block.text)


def _variables(kind: str, *, smtp_port: int) -> str:
    """Return the settings of Deploying, smaller, with a mail server that is there."""
    (text,) = (block.text for block in DEPLOYING if block.path == "/etc/gatehouse.env")
    mail = smtp_sink.variables(smtp_port)
    stores = {
        "DATABASE_URL": "postgresql://gatehouse:password@10.0.0.1/gatehouse",
        "REDIS_URL": f"redis://127.0.0.1:{REDIS}/0",
    }
    changed = {
        "TRUSTED_HOSTS": "accounts.example.org,127.0.0.1",
        "WORKERS": "1",
        "THREADS": "6",
        "SHUTDOWN_DELAY_SECONDS": "0",
        "LOG_LEVEL": "WARNING",
        **{name: mail[name] for name in ("SMTP_HOST", "SMTP_PORT", "SMTP_TLS")},
        **(stores if kind == "postgresql" else {}),
    }
    gone = {"SMTP_USER", "SMTP_PASSWORD_FILE", *stores, *changed}
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in gone]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in changed.items()), ""])


def _with_servers(machine: Machine, stack: ExitStack) -> Machine:
    """Give the machine PostgreSQL and Redis, and return a second one for a standby."""
    port, password = server.free_port(), secrets.token_urlsafe(16)
    here, there = ADDRESSES.values()
    # A URL that names several servers gets no port from PGPORT, as everything else does.
    several = {f"host={one}&": f"host={mine}:{port}&" for one, mine in ADDRESSES.items()}
    machine.words |= {**several, **ADDRESSES, REDIS: str(server.free_port())}
    machine.environ["PGPORT"] = str(port)
    clusters.add(machine, address=here, port=port, password=password)
    made = _block("CREATE ROLE")
    machine.run(made[: made.index("install")])
    machine.units = {"redis-server": _redis(machine), **machine.units}
    machine.serve("start", "redis-server")
    standby = Machine.make(stack)
    standby.words |= ADDRESSES
    standby.environ["PGPORT"] = str(port)
    clusters.add(standby, address=there, port=port, password=password, is_empty=True)
    return standby


def _redis(machine: Machine) -> Unit:
    """Return a Redis that can be stopped and started."""
    program = next(filter(None, map(shutil.which, redis.BINARIES)), None)
    if program is None:
        pytest.skip("Redis is not installed; Debian and Ubuntu: apt install redis-server")
    port = machine.words[REDIS]

    def start() -> subprocess.Popen[bytes]:
        words = ("--bind", "127.0.0.1", "--port", port, "--save", "")
        process = machine.spawn(["-c", EXEC, program, *words], log="log-redis")
        with redis_client.Redis(port=int(port)) as client:
            server.wait(client.ping, log=machine.root / "log-redis", errors=redis_client.RedisError)
        return process

    return Unit(start)
