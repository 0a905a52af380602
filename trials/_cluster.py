"""A PostgreSQL of a trial's own, as durable as a real one, to be killed, stopped and filled."""

import os
import secrets
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg

from tests.servers import postgres, server
from trials import _shared

DATABASE = "gatehouse"


class Cluster:
    """One server with one empty database; it stops with the stack."""

    def __init__(self, stack: ExitStack, **options: str) -> None:
        self._stack = stack
        self._folder = postgres.folder(stack)
        self._home = server.directory("postgres", stack)
        self._data = self._home / "data"
        password = secrets.token_urlsafe(16)
        postgres.make_cluster(self._folder, self._data, password=password)
        self.port = server.free_port()
        self._options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **options,
        }
        self._admin = f"postgresql://gatehouse:{password}@127.0.0.1:{self.port}/postgres"
        self.start()
        self.execute(f"CREATE DATABASE {DATABASE}")

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"{self._admin.rpartition('/')[0]}/{DATABASE}"

    @property
    def processes(self) -> list[int]:
        """The main process and all of its children."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        return [main, *_shared.children(main)]

    def start(self) -> float:
        """Start the server; return the moment of its first answer."""
        command: list[str | Path] = [self._folder / "postgres", "-D", self._data]
        for name, value in self._options.items():
            command += ["-c", f"{name}={value}"]
        log = server.spawn(command, cwd=self._home, stack=self._stack, stop_signal=signal.SIGINT)
        server.wait(self.execute, log=log, errors=psycopg.OperationalError)
        return time.monotonic()

    def kill(self) -> None:
        """Kill the main process as a crash does, and wait until its children have gone."""
        main, *others = self.processes
        os.kill(main, signal.SIGKILL)
        os.waitpid(main, 0)  # until then its lock file looks like that of a living process
        while any(Path(f"/proc/{pid}").exists() for pid in others):
            time.sleep(0.01)

    def freeze(self) -> list[int]:
        """Stop every process where it is, as a machine that swaps does; return which."""
        stopped = self.processes
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        return stopped

    def thaw(self, stopped: list[int]) -> float:
        """Let them go on; return the moment of the first answer."""
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.execute()
        return time.monotonic()

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection to the database that nobody limits."""
        return psycopg.connect(self.url, autocommit=True)

    def connections(self) -> dict[str, int]:
        """Return how many connections others have to the database, by their state."""
        query = (
            "SELECT coalesce(state, 'none'), count(*) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid() GROUP BY 1"
        )
        with psycopg.connect(self._admin, autocommit=True) as connection:
            rows = connection.execute(query, (DATABASE,)).fetchall()
        return {str(state): int(str(count)) for state, count in rows}

    def execute(self, statement: str = "SELECT 1") -> None:
        """Run a statement as the owner of the server."""
        with psycopg.connect(self._admin, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())
