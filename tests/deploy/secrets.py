"""What deploy/secrets.sh makes, in a directory of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.server import ROOT

SITE = "accounts.example.net"


def lacking(what: str) -> None:
    """Skip the test for want of a program; where everything has to be tested, fail."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


def make(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the script as an operator does, in a clone that has nothing else."""
    if shutil.which("openssl") is None:
        lacking("openssl is not installed; Debian and Ubuntu: apt install openssl")
    script = home / "deploy" / "secrets.sh"
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "deploy" / "secrets.sh", script)
    return subprocess.run(
        ["sh", str(script), *words],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
