"""Running commands: in this process against the test's application, or as a real program."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from tests.servers.server import ROOT
from tests.support.environment import environ


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as data."""
        return json.loads(self.out)

    @property
    def password(self) -> str:
        """The password that it showed."""
        line = next(line for line in self.out.splitlines() if "password: " in line)
        return line.partition("password: ")[2].split()[0]

    def expect(self, code: int = 0, *said: str) -> "Outcome":
        """Return this outcome if it is the expected one, without any stack trace."""
        assert self.code == code, (self.out, self.err)
        assert "Traceback" not in self.out + self.err
        for text in said:
            assert text in (self.out if code == 0 else self.err), (self.out, self.err)
        if code == 1:
            assert len(self.err.strip().splitlines()) == 1, self.err
        return self


def run(app: Flask, *words: str, stdin: str | bytes | None = None) -> Outcome:
    """Run a command in this process."""
    result = app.test_cli_runner().invoke(args=list(words), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return Outcome(result.exit_code, result.stdout, result.stderr)


def variables(directory: Path, database_url: str, **more: str) -> dict[str, str]:
    """Return the whole environment of a real program."""
    return {"PATH": os.environ["PATH"], **environ(directory, database_url, **more)}


def command(*words: str) -> list[str]:
    """Return the command line of a real program."""
    return [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), *words]


def drawn(directory: Path, database_url: str, *words: str, columns: int = 80, **more: str) -> str:
    """Return what a program shows at a terminal of its own, escape sequences included."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command(*words),
        cwd=directory,
        env=variables(directory, database_url, **{"TERM": "xterm", **more}),
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    # The end of a terminal whose program has gone is an error on Linux.
    with suppress(OSError):
        while read := os.read(main, 65_536):
            shown += read
    os.close(main)
    process.wait(60)
    return shown.decode(errors="replace").replace("\r\n", "\n")


def program(directory: Path, database_url: str, *words: str, **more: str) -> Outcome:
    """Run a command as a program of its own, in a directory that is not the project's."""
    done = subprocess.run(
        command(*words),
        cwd=directory,
        env=variables(directory, database_url, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
