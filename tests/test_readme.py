"""The README is true: its tour is carried out word for word, but for the port."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import server
from tests.support import started

README = (server.ROOT / "README.md").read_text()
PARTS = ("Makefile", "requirements.txt", "requirements-dev.txt")


def blocks(kind: str) -> list[str]:
    """Return the shell blocks of the README that are marked with `kind`."""
    return re.findall(rf"^```sh {kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a directory that looks like a fresh clone with its environment made."""
    home = tmp_path / "clone"
    home.mkdir()
    for name in (*PARTS, "wsgi.py", "gunicorn.conf.py", "migrations", "src"):
        (home / name).symlink_to(server.ROOT / name)
    return home


def test_the_tour_of_the_readme(home: Path) -> None:
    """Every command of the five minutes does what the text beside it says."""
    port = server.free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "VENV": sys.prefix}
    [start] = blocks("tour:start")
    output = home / "output"
    with output.open("wb") as opened:
        process = subprocess.Popen(
            ["bash", "-ec", f"exec env {start}"],
            cwd=home,
            env=environment,
            stdout=opened,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    client = started.Api(started.OverNetwork(f"http://127.0.0.1:{port}"))
    running = started.Started(port, process, output, client)
    try:
        started.wait(running)
        said = walk(home, port)
    finally:
        started.stop(running)

    sign_up, profile, devices, mail, people, tessa, ledger = said
    [account] = documents(sign_up)
    assert account["email"] == "test@example.com"
    assert "password" not in sign_up
    assert [person["username"] for person in documents(profile)] == ["testuser"]
    changed, sessions = documents(devices)
    assert changed["name"] == "Tessa Test"
    assert [session["is_current"] for session in sessions["sessions"]] == [True]
    assert re.search(r"\.eml$", mail, re.MULTILINE)
    page, promoted = documents(people)
    assert (page["total"], promoted["roles"]) == (2, ["admin", "user"])
    found, last = documents(tessa)
    assert [person["name"] for person in found["users"]] == ["Tessa Test"]
    assert (last["status"], last["code"]) == (401, "invalid_token")
    [events] = documents(ledger)
    assert len(events["events"]) == 5
    assert json.loads((home / "openapi.json").read_text())["openapi"].startswith("3.1")


def documents(printed: str) -> list[Any]:
    """Return the JSON documents among printed lines."""
    return [json.loads(line) for line in printed.splitlines() if line.strip()]


def walk(home: Path, port: int) -> list[str]:
    """Run the blocks of the tour in one shell; return what each printed."""
    border = "----- next block -----"
    script = f"\necho '{border}'\n".join(blocks("tour")).replace(
        "127.0.0.1:8000", f"127.0.0.1:{port}"
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(border)
