"""A Redis of a trial's own, which may be killed, stopped, made unreachable and emptied."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis as vendor

from tests.servers import packages, server
from tests.servers.redis import BINARIES
from tests.support.answers import OverNetwork
from tests.support.api import Api, new_address, new_email

# So many new connections in a row are taken for all processes.
IN_A_ROW = 6


class Redis:
    """A server at one port, before and after its end; what it holds goes with it."""

    def __init__(self, stack: ExitStack) -> None:
        self._home = server.directory("redis", stack)
        self._port = server.free_port()
        self._program = _program(stack)
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = stack.enter_context(vendor.Redis.from_url(self.url))
        self.start()
        stack.callback(self.kill)

    def start(self) -> None:
        """Start it anew and wait until it answers."""
        self._process = subprocess.Popen(
            [self._program, "--bind", "127.0.0.1", "--port", str(self._port), "--save", ""],
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=server.die_with_parent,
        )
        while True:
            with suppress(vendor.RedisError):
                if self.client.ping():
                    return
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once: connections are reset, new ones refused."""
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Let it be gone for as long as the block."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it hang: the system takes connections for it, and nobody answers."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @contextmanager
    def swallowed(self) -> Iterator[None]:
        """Let even connecting hang, as behind a network that drops every packet."""
        self.kill()
        with socket.socket() as hole, ExitStack() as filling:
            hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            hole.bind(("127.0.0.1", self._port))
            hole.listen(0)
            # The queue of those who wait to be accepted is full with these; the next hear nothing.
            for _ in range(4):
                waiting = filling.enter_context(socket.socket())
                waiting.setblocking(False)
                with suppress(BlockingIOError):
                    waiting.connect(("127.0.0.1", self._port))
            yield
        self.start()


def seconds_until_shared(url: str, redis: Redis, *, limit: float = 30) -> float:
    """Return after how long every process of a service counts in Redis again."""
    began = time.monotonic()
    first: float | None = None
    streak = 0
    while streak < IN_A_ROW and time.monotonic() - began < limit:
        address = new_address()
        transport = OverNetwork(url)  # a new connection goes to any of the processes
        Api(transport, address).try_log_in(new_email(), "a wrong Password of tests")
        transport.close()
        is_shared = any(True for _ in redis.client.scan_iter(match=f"*{address}*"))
        first = (first or time.monotonic()) if is_shared else None
        streak = streak + 1 if is_shared else 0
    return (first or time.monotonic()) - began


def _program(stack: ExitStack) -> Path:
    for name in BINARIES:
        for folder in os.environ["PATH"].split(os.pathsep):
            if os.access(path := Path(folder, name), os.X_OK):
                return path
    return packages.folder("valkey-server", stack) / "valkey-server"
