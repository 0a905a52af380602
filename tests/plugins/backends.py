"""The real servers of a test run: found once, shared by all processes, named at the end."""

import json
import os
import sqlite3
import subprocess
from contextlib import ExitStack
from typing import NoReturn

import pytest

from tests import servers
from tests.servers import azurite, redis

# The run's servers on their way from the controlling process to those that test in parallel.
VARIABLE = "GATEHOUSE_TEST_SERVERS"
AZURITE = "Azurite"
STATE = pytest.StashKey["Backends"]()


class Backends:
    """What this process knows about the servers, and which of them its tests used."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.used: set[str] = set()
        self.found: dict[str, servers.Server] = {}
        self.missing: dict[str, str] = {}
        handed_over = json.loads(os.environ.get(VARIABLE, "{}"))
        for name, fields in handed_over.get("found", {}).items():
            self.found[name] = servers.Server(**fields)
        self.missing.update(handed_over.get("missing", {}))

    def look_for(self, name: str) -> None:
        """Find or start a server, or remember why there is none."""
        if name in self.found or name in self.missing:
            return
        try:
            self.found[name] = servers.find(name, self.stack)
        except servers.ServerUnavailableError as error:
            self.missing[name] = str(error)

    def hand_over(self) -> None:
        """Leave what is known where the processes that test in parallel find it."""
        found = {name: vars(server) for name, server in self.found.items()}
        os.environ[VARIABLE] = json.dumps({"found": found, "missing": self.missing})

    def use(self, name: str) -> servers.Server:
        """Return a server for a test; without it the test is skipped, in CI it fails."""
        self.look_for(name)
        self.used.add(name)
        if name not in self.found:
            self.lack(name)
        return self.found[name]

    def start_azurite(self) -> azurite.Azurite:
        """Return an Azurite for this process: only tests that are marked `full` want one."""
        self.used.add(AZURITE)
        try:
            started = azurite.start(self.stack)
        except (servers.ServerUnavailableError, OSError, subprocess.SubprocessError) as error:
            self.missing[AZURITE] = str(error)
            self.lack(AZURITE)
        self.found[AZURITE] = started.server
        return started

    def lack(self, name: str) -> NoReturn:
        """Skip the test for want of a server; in CI it fails."""
        text = f"no {name}: {self.missing[name]}"
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers before the parallel processes do, if there will be any."""
    config.stash[STATE] = backends = Backends()
    if getattr(config.option, "tx", None) and not config.option.collectonly:
        for name in servers.ATTEMPTS:
            backends.look_for(name)
        backends.hand_over()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    if backends := config.stash.get(STATE, None):
        backends.stack.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report from a parallel process which servers its tests used."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        backends = session.config.stash[STATE]
        output["backends_used"] = sorted(backends.used)
        output["backends_found"] = {name: vars(one) for name, one in backends.found.items()}
        output["backends_missing"] = backends.missing


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Collect that report in the controlling process."""
    told = getattr(node, "workeroutput", {})
    backends: Backends = node.config.stash[STATE]  # type: ignore[attr-defined]
    backends.used.update(told.get("backends_used", ()))
    backends.missing.update(told.get("backends_missing", {}))
    for name, fields in told.get("backends_found", {}).items():
        backends.found[name] = servers.Server(**fields)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """End the run with the names of the backends, and of those that were not there."""
    backends = config.stash[STATE]
    labels = [f"SQLite {sqlite3.sqlite_version}"]
    labels += [
        backends.found[name].label
        for name in (*servers.ATTEMPTS, AZURITE)
        if name in backends.found and name in backends.used
    ]
    if AZURITE not in backends.found:
        labels.append("uploads as files")
    terminalreporter.write_sep("-", "backends")
    terminalreporter.write_line(f"backends exercised: {', '.join(labels)}")
    for name in sorted(backends.used & backends.missing.keys()):
        terminalreporter.write_line(
            f"NOT exercised: {name}. {backends.missing[name]}", yellow=True, bold=True
        )


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """The address of a PostgreSQL whose user may create databases (`postgresql://…/postgres`)."""
    return request.config.stash[STATE].use("PostgreSQL").url


@pytest.fixture(scope="session")
def azurite_server(request: pytest.FixtureRequest) -> azurite.Azurite:
    """An Azurite that belongs to this test process alone."""
    return request.config.stash[STATE].start_azurite()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """The address of a Redis database that belongs to this test process alone."""
    server = request.config.stash[STATE].use("Redis")
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return redis.for_process(server.url, int(number))
