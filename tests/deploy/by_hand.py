"""What compose.yaml describes, started without containers: its commands with its environment.

Every container becomes a process, and its fixed address one of the loopback: FRONT says which.
PostgreSQL and the mail catcher are those of the tests.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.deploy import composition, secrets
from tests.deploy.dockerfile import stages
from tests.servers.server import die_with_parent, free_port
from tests.support import proxy, started

IMAGE = stages()[-1]
START_SECONDS = 120


class Composition:
    """One server of compose.yaml in a directory; everything stops with the stack."""

    def __init__(self, home: Path, stack: ExitStack, *, database_url: str, smtp_port: int) -> None:
        self.home = home
        self._stack = stack
        assert secrets.make(home, secrets.SITE).returncode == 0
        started.link(home)
        self.front = f"127.{random.randrange(1, 250)}.{random.randrange(250)}"
        variables = composition.dotenv((home / ".env").read_text())
        variables |= {"FRONT": self.front, "SMTP_PORT": str(smtp_port)}
        (home / ".env").unlink()  # the image has none
        self.services = composition.read(variables)["services"]
        self.redis_port, self.port = free_port(), free_port()
        self._write("database_url", database_url)
        redis_url = (home / "secrets" / "redis_url").read_text()
        self._write("redis_url", redis_url.replace("redis:6379", f"127.0.0.1:{self.redis_port}"))
        for name in ("files", "conf.d", "tmp"):
            (home / name).mkdir()

    def address(self, name: str) -> str:
        """Return the fixed address of a service, or the loopback."""
        networks = self.services[name]["networks"]
        if "front" in networks:
            return str(networks["front"]["ipv4_address"])
        return "127.0.0.1"

    def environment(self, name: str) -> dict[str, str]:
        """Return what a process gets: the image's environment, then the service's."""
        found = {**IMAGE.environment, **self.services[name].get("environment", {})}
        places = {"HOST": self.address(name), "SMTP_HOST": "127.0.0.1"}
        found = {key: self._here(str(value)) for key, value in found.items()} | places
        # The image is compiled, this environment may not be.
        found.pop("PYTHONDONTWRITEBYTECODE")
        return found | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}

    def command(self, name: str) -> list[str]:
        """Return the command of a service, or the image's."""
        words = self.services[name].get("command") or IMAGE.last("CMD").words
        return [self._here(str(word)) for word in words]

    def run(self, *words: str, typed: str = "") -> str:
        """Carry out a command in a container of `migrate`, and return what it printed."""
        done = subprocess.run(
            words or self.command("migrate"),
            cwd=self.home,
            env=self.environment("migrate"),
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(
        self, name: str, *more: str, ready: Callable[[], bool] = lambda: True
    ) -> "subprocess.Popen[bytes]":
        """Start a service, wait until it is ready, and stop it with the stack."""
        log = self.home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self.command(name), *more],
                cwd=self.home,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )
        self._stack.callback(stop, process)
        limit = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"{name}: {log.read_text()[-3000:]}")
            time.sleep(0.05)
        return process

    def is_healthy(self, name: str) -> bool:
        """Ask as the image's HEALTHCHECK does."""
        words = [word.replace("127.0.0.1", self.address(name)) for word in probe()]
        done = subprocess.run(
            words, env=self.environment(name), capture_output=True, timeout=10, check=False
        )
        return done.returncode == 0

    def start_nginx(self) -> None:
        """Start nginx: its service's command writes the configuration, Debian's program runs it."""
        proxy.program()
        script = self.command("nginx")[-1].replace("app-1:", f"{self.address('app-1')}:")
        script = script.replace("app-2:", f"{self.address('app-2')}:")
        prepare, _, run = script.partition("&& exec ")
        assert run == 'nginx -g "daemon off;"'
        environment = self.environment("nginx")
        subprocess.run(["sh", "-ec", prepare], env=environment, check=True)
        written = self.home / "conf.d" / "gatehouse.conf"
        text = written.read_text()
        for before, after in (
            ("listen 443", f"listen {self.address('nginx')}:{self.port}"),
            ("listen 80;", f"listen {self.address('nginx')}:{free_port()};"),
        ):
            assert text.count(before) == 1
            text = text.replace(before, after)
        written.write_text(text)
        # Else the kernel would choose 127.0.0.1 for all that comes from this machine.
        more = f"proxy_bind {self.address('nginx')};\n{text}"
        self._stack.enter_context(proxy.running(proxy.write(self.home, more)))

    def _write(self, name: str, content: str) -> None:
        path = self.home / "secrets" / name
        path.unlink()
        path.write_text(content)

    def _here(self, text: str) -> str:
        for before, after in (
            ("/run/secrets", self.home / "secrets"),
            ("/var/lib/gatehouse", self.home / "files"),
            ("/opt/gatehouse", self.home),
            ("/etc/gatehouse/nginx.conf", proxy.CONFIGURATION),
            ("/etc/nginx/conf.d", self.home / "conf.d"),
        ):
            text = text.replace(before, str(after))
        return str(self.home / "tmp") if text == "/tmp" else text


def probe() -> list[str]:
    """Return the command of the image's HEALTHCHECK, with this Python."""
    return [sys.executable, *IMAGE.last("HEALTHCHECK").words[1:]]


def redis_program() -> None:
    """Skip where there is no Redis program of this machine."""
    if shutil.which("redis-server") is None:
        secrets.lacking("redis-server is not installed; Debian: apt install redis-server")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a process as Compose does, and kill what does not go."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
