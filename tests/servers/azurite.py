"""Azurite, which speaks Azure Blob Storage's protocol: from npm, with an account of its own."""

import base64
import fcntl
import hashlib
import json
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.servers import server
from tests.servers.server import Server, ServerUnavailableError

HOME = Path(__file__).with_name("node")
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
PROGRAM = Path("node_modules", "azurite", "dist", "src", "blob", "main.js")
# Newer versions of the protocol than it knows are spoken by the client, and alike in what we use.
OPTIONS = ("--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry", "--silent")
ACCOUNT = "gatehousetests"


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running one: how to reach it, and its process."""

    connection_string: str
    server: Server
    process: subprocess.Popen[bytes]

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it hang: it takes connections and says nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


def start(stack: ExitStack) -> Azurite:
    """Start one that stops with the stack; raises ServerUnavailableError."""
    folder = installed()
    version = json.loads((folder / "node_modules/azurite/package.json").read_text())["version"]
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    port = server.free_port()
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    home = server.directory("azurite", stack)
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", str(folder / PROGRAM), "--blobPort", str(port), *OPTIONS],
            cwd=home,
            env={**server.environment(), "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=server.die_with_parent if sys.platform == "linux" else None,
        )
    stack.callback(_end, process)
    with urllib3.PoolManager(retries=False, timeout=1) as client:
        server.wait(
            lambda: client.request("GET", url), log=log, errors=urllib3.exceptions.HTTPError
        )
    text = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url}"
    )
    return Azurite(text, Server("Azurite", version, url, "from npm"), process)


def installed() -> Path:
    """Install the packages of node/ once, in build/; another process waits meanwhile."""
    if not shutil.which("npm"):
        raise ServerUnavailableError("install Node.js 20 or newer (Debian: apt install nodejs npm)")
    lock = (HOME / "package-lock.json").read_bytes()
    home = server.ROOT / "build" / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        if not (home / ".installed").exists():
            print("Installing Azurite with npm (a minute) ...", file=sys.stderr)
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(HOME / name, home / name)
            done = subprocess.run(
                INSTALL, cwd=home, capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode:
                raise ServerUnavailableError(f"npm ci failed: {done.stderr.strip()[-500:]}")
            (home / ".installed").touch()
    return home


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it: what it has in memory nobody needs."""
    process.kill()
    process.wait()
