"""The programs that judge the API description, or make something from it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers.server import ROOT

HOME = Path(__file__).with_name("node")
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def lacking(what: str) -> NoReturn:
    """Skip the test for want of a program; where everything has to be tested, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def run(*command: str, cwd: Path) -> str:
    """Run a program that has to succeed; return all that it said."""
    beside = str(Path(sys.executable).parent)
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Node:
    """The packages of a package-lock.json, installed once in build/."""

    home: Path

    @classmethod
    def installed(cls, folder: Path = HOME) -> "Node":
        """Install those of a folder unless they are there; another process waits meanwhile."""
        if not shutil.which("npm"):
            lacking("no npm: install Node.js 20 or newer (Debian: apt install nodejs npm)")
        lock = (folder / "package-lock.json").read_bytes()
        home = ROOT / "build" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("w") as busy:
            fcntl.flock(busy, fcntl.LOCK_EX)
            if not (home / ".installed").exists():
                for name in ("package.json", "package-lock.json"):
                    shutil.copyfile(folder / name, home / name)
                run(*INSTALL, cwd=home)
                (home / ".installed").touch()
        return cls(home)

    def run(self, program: str, *words: str, cwd: Path) -> str:
        """Run one of their programs."""
        return run(str(self.home / "node_modules" / ".bin" / program), *words, cwd=cwd)
