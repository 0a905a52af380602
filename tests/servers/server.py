"""What every test server has in common: its name, and a process that ends with the tests."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
PR_SET_PDEATHSIG = 1


class ServerUnavailableError(Exception):
    """No server was given, found or could be brought; the text says what was tried."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    product: str
    version: str
    url: str
    origin: str

    @property
    def label(self) -> str:
        """The name for people: product, version, and where it came from."""
        return f"{self.product} {self.version} ({self.origin})"


def owner() -> pwd.struct_passwd | None:
    """Return the user for the servers: PostgreSQL refuses root, so root hands over to another."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerUnavailableError("root has no unprivileged user (postgres, nobody) to hand over to")


def directory(name: str, stack: ExitStack) -> Path:
    """Make a directory of the servers' user that goes when the stack closes."""
    path = Path(tempfile.mkdtemp(prefix=f"gatehouse-{name}-"))
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    if user := owner():
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(command: Sequence[str | Path], *, cwd: Path) -> str:
    """Run a short command as the servers' user and return what it printed."""
    user = owner()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise ServerUnavailableError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def spawn(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    stack: ExitStack,
    stop_signal: signal.Signals,
    stdin: str | None = None,
) -> Path:
    """Start a server as the servers' user; it stops with the stack, or when this process dies."""
    user = owner()
    log = cwd / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            env=environment(),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the tests, which then stop the server
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
    stack.callback(_stop, process, stop_signal)
    if process.stdin:
        process.stdin.write((stdin or "").encode())
        process.stdin.close()
    return log


def wait(answers: Callable[[], object], *, log: Path, errors: type[Exception]) -> None:
    """Wait until the server answers; on giving up show the end of its log."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            answers()
        except errors as error:
            if time.monotonic() > limit:
                tail = log.read_text(errors="replace")[-800:]
                raise ServerUnavailableError(f"no answer: {error}; its log: {tail}") from error
            time.sleep(0.05)
        else:
            return


def environment() -> dict[str, str]:
    """Return a small environment: the developer's PG* variables would reach the server's tools."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def die_with_parent() -> None:
    """End this process, which is about to become a server, together with the tests."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
