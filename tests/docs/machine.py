"""A machine as the pages describe it: folders, services under systemd, users; in small.

What stands in the pages for a path of the machine is here a folder below one root. Of its programs
only those that belong to the machine itself are replaced: `systemctl` does what the units of
deploy/ say, and `runuser` stays the same user where there is no other one.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import server
from tests.servers.server import ROOT
from tests.support.live import ENDING_WITH_US

PATHS = re.compile(r"(?<![\w.\-/$}])/(opt|etc|var)\b")
OWNERS = re.compile(r" -o (gatehouse|postgres) -g \1")
PARTS = ("Makefile", "requirements.txt", "requirements-dev.txt", "wsgi.py", "gunicorn.conf.py")
FOLDERS = ("lib/gatehouse", "lib/postgresql", "backups")
STOP_SECONDS = 40

SYSTEMCTL = """#!{python} -S
import socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    asked.sendall("\\n".join(sys.argv[1:]).encode())
    asked.shutdown(socket.SHUT_WR)
    said = asked.makefile().read()
sys.exit(said or 0)
"""
# `runuser -u NAME -- COMMAND`: whoever speaks as postgres means the server of this machine.
RUNUSER = """#!/bin/bash
user=$2; shift 3
if [ "$user" = postgres ]; then
    set -a; . {root}/postgres; set +a
    {become}
fi
exec "$@"
"""


@dataclass(slots=True)
class Unit:
    """A service: how it is started, and by which signal it stops."""

    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None


@dataclass(slots=True)
class Machine:
    """One machine and its units; `run` carries out commands of a page on it."""

    root: Path
    units: dict[str, Unit] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, stack: ExitStack) -> "Machine":
        """Return one with the project installed; it goes with the stack."""
        root = server.directory("machine", stack)
        root.chmod(0o755)
        # The environment of Python is that of the tests; what it runs is what is installed there.
        environ = {"PYTHONPATH": str(root / "opt/gatehouse/src"), "LC_ALL": "C.UTF-8"}
        machine = cls(root, environ=environ)
        for name in (
            "etc/gatehouse",
            "var/lib/gatehouse",
            "var/lib/postgresql",
            "var/backups",
            "bin",
        ):
            (root / name).mkdir(parents=True)
        if user := server.owner():
            os.chown(root / "var/lib/postgresql", user.pw_uid, user.pw_gid)
        (root / "postgres").touch()
        machine._bring_programs(stack)
        install(root / "opt/gatehouse")
        for port in ("8000", "8001"):
            machine.words[port] = str(server.free_port())
            machine.units[f"gatehouse@{port}"] = machine._instance(port)
        stack.callback(machine.stop)
        return machine

    def here(self, text: str) -> str:
        """Return what a page says with the paths, ports and owners of this machine."""
        text = OWNERS.sub(_owner, text)
        text = PATHS.sub(lambda found: f"{self.root}{found[0]}", text)
        for word, mine in self.words.items():
            text = re.sub(rf"(?<!gatehouse@)\b{re.escape(word)}\b", mine, text)
        return text

    def there(self, text: str) -> str:
        """Return what was printed here as the page shows it."""
        for word, mine in self.words.items():
            text = text.replace(mine, word)
        return text.replace(str(self.root), "")

    def run(self, script: str) -> str:
        """Carry out commands in bash, and return what they printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(script)],
            cwd=self.root,
            env={"PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin", **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        printed = self.there(done.stdout)
        assert done.returncode == 0, self._told(script, done.returncode, printed)
        return printed

    def _told(self, script: str, code: int, printed: str) -> str:
        """Return what went wrong, with the ends of the logs."""
        logs = "".join(f"\n{log.name}: {log.read_text()[-800:]}" for log in self.root.glob("log-*"))
        return f"{script}\nended with {code}:\n{printed[-3000:]}{logs}"

    def serve(self, verb: str, *names: str) -> str:
        """Do what `systemctl VERB NAME…` does; return what went wrong, or nothing."""
        for name in names:
            unit = self.units.get(self.there(name))
            if unit is None:
                return f"Unit {name}.service not found."
            if verb in ("stop", "restart") and unit.process is not None:
                unit.process.send_signal(unit.stop_signal)
                unit.process.wait(STOP_SECONDS)
                unit.process = None
            if verb in ("start", "restart") and unit.process is None:
                unit.process = unit.start()
        return ""

    def stop(self) -> None:
        """Stop every unit."""
        for name in reversed(self.units):
            self.serve("stop", name)

    def spawn(self, command: list[str], *, log: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a program that ends with this process."""
        with (self.root / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", ENDING_WITH_US, *command],
                cwd=self.root / "opt/gatehouse",
                env={"PATH": os.environ["PATH"], **self.environ, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _instance(self, port: str) -> Unit:
        """Return what the unit of deploy/ says about an instance."""
        text = (ROOT / "deploy/systemd/gatehouse@.service").read_text()
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

        def start() -> subprocess.Popen[bytes]:
            given = self.here(Path(self.here(said["EnvironmentFile"])).read_text())
            variables = dict(word.split("=", 1) for word in shlex.split(given, comments=True))
            env, assignment, program = said["ExecStart"].split()
            assert (env, assignment) == ("/usr/bin/env", "PORT=%i")
            assert Path(self.here(program)).exists()
            return self.spawn(
                ["-m", "gunicorn"], log=f"log-{port}", **{**variables, "PORT": self.words[port]}
            )

        return Unit(start)

    def _bring_programs(self, stack: ExitStack) -> None:
        """Write `systemctl` and `runuser`, and answer the first."""
        address = str(self.root / "systemd")
        user = server.owner()
        become = f'exec /usr/sbin/runuser -u {user.pw_name} -- "$@"' if user else ""
        for name, text in (
            ("systemctl", SYSTEMCTL.format(python=sys.executable, address=address)),
            ("runuser", RUNUSER.format(root=self.root, become=become)),
        ):
            program = self.root / "bin" / name
            program.write_text(text)
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=self._answer, args=(listener,), daemon=True)
        thread.start()

    def _answer(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                asked = listener.accept()[0]
                with asked, asked.makefile() as words:
                    asked.sendall(self.serve(*words.read().splitlines()).encode())


def _owner(found: re.Match[str]) -> str:
    """Return who owns a file here: the service is we ourselves, the servers may be another user."""
    user = server.owner()
    return f" -o {user.pw_uid} -g {user.pw_gid}" if user and found[1] == "postgres" else ""


def install(home: Path) -> None:
    """Put a clone of the project there: of what it is made of now, with a remote to pull from."""
    remote = home.parent / "remote"
    remote.mkdir(parents=True)
    for name in PARTS:
        shutil.copy(ROOT / name, remote / name)
    for name in ("migrations", "src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, remote / name, ignore=ignored)
    (remote / ".gitignore").write_text(".venv\n__pycache__\n")
    git(remote, "init", "--quiet", "--initial-branch=main")
    commit(remote, "The release before")
    git(home.parent, "clone", "--quiet", str(remote), str(home))
    (home / ".venv").symlink_to(sys.prefix)


def commit(remote: Path, message: str) -> None:
    """Commit everything that is there."""
    git(remote, "add", "--all")
    git(remote, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", message)


def git(folder: Path, *words: str) -> None:
    """Run git without the settings of whoever runs the tests."""
    subprocess.run(
        ["git", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
    )
