"""The pages are true: what they say one can type is carried out, and answers what they show."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Block, blocks
from tests.servers import server
from tests.support import started

PARTS = ("Makefile", "requirements.txt", "requirements-dev.txt", "docs")
START = "ADMIN_EMAIL=ada@example.com ADMIN_PASSWORD='seven green lanterns' make run"
PAGES = [
    page
    for page in (server.ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if any("run" in block.words for block in blocks(page.read_text()))
]
# Two dozen commands, each a program that imports everything; tests/cli has them in one process.
DEAR = {"command-line"}
BORDER = "----- next block -----"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[started.Started]:
    """Serve from a fresh clone, as the README says, for all pages: each has people of its own.

    Ada has logged in, as whoever reads a page has, whichever is the first.
    """
    with serving(tmp_path_factory.mktemp("clone"), START) as running:
        running.client.log_in("ada@example.com", "seven green lanterns")
        yield running


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.full] * (page.stem in DEAR)) for page in PAGES],
    ids=lambda page: page.stem,
)
def test_the_page_is_true(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = blocks(page.read_text())
    starts = [block.text.strip() for block in found if "start" in block.words]
    assert len(starts) <= 1
    if set(starts) <= {START}:
        check(found, request.getfixturevalue("clone"))
    else:
        with serving(tmp_path, starts[0]) as running:
            check(found, running)


def check(found: list[Block], running: started.Started) -> None:
    """Carry out the blocks of a page beside a service."""
    home = running.output.parent
    for block in found:
        if block.path and block.words[-1] == "file":
            (home / block.path).write_text(here(block.text, running.port))
    runs, printed = carried_out(found, home, running.port)
    for block, expected in runs:
        said = printed.pop(0)
        if expected is not None:
            assert fits(expected, said), f"{block.text}\nprinted:\n{said}\nand not:\n{expected}"


@contextmanager
def serving(home: Path, command: str) -> Iterator[started.Started]:
    """Serve as `command` says from what looks like a fresh clone with its environment made."""
    started.link(home)
    for name in PARTS:
        (home / name).symlink_to(server.ROOT / name)
    (home / ".venv").symlink_to(sys.prefix)
    running = start(home, server.free_port(), command)
    try:
        started.wait(running)
        yield running
    finally:
        started.stop(running)


def start(home: Path, port: int, command: str) -> started.Started:
    """Start the service as the page says, with cheap hashes and on a free port."""
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "VENV": sys.prefix,
        "BCRYPT_ROUNDS": "4",
    }
    output = home / "output"
    with output.open("wb") as opened:
        process = subprocess.Popen(
            ["bash", "-ec", f"exec env {command}"],
            cwd=home,
            env=environment,
            stdout=opened,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    client = started.Api(started.OverNetwork(f"http://127.0.0.1:{port}"))
    return started.Started(port, process, output, client)


def carried_out(
    found: list[Block], home: Path, port: int
) -> tuple[list[tuple[Block, str | None]], list[str]]:
    """Run the blocks in one shell; return each with what it should print, and what they printed."""
    runs: list[tuple[Block, str | None]] = []
    for block in found:
        if "run" in block.words:
            runs.append((block, None))
        elif "out" in block.words:
            runs[-1] = (runs[-1][0], block.text)
    script = "".join(
        f"echo '{BORDER}'\n{failing(block.text) if 'fails' in block.words else block.text}"
        for block, _ in runs
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here(script, port)],
        cwd=home,
        env={"PATH": os.environ["PATH"], "PORT": str(port), "BCRYPT_ROUNDS": "4"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    printed = done.stdout.replace(f"127.0.0.1:{port}", "127.0.0.1:8000").split(f"{BORDER}\n")[1:]
    assert done.returncode == 0, f"this ended with {done.returncode}:\n{printed[-1]}"
    return runs, printed


def here(text: str, port: int) -> str:
    """Return a text with the port that is free here."""
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")


def failing(text: str) -> str:
    """Return a script that fails unless the last command of `text` does."""
    return f"set +e\n{text}\n[ $? -ne 0 ] || exit 99\nset -e\n"


def fits(expected: str, said: str) -> bool:
    """Tell whether lines are as expected; `…` is anything, as a whole line any lines."""
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            words = re.sub(r" {2,}", "  ", line.strip())
            # A line that was matched is not tried in other ways: that could take minutes.
            pattern += r"(?>[ \t]*" + re.escape(words).replace("…", ".*").replace(r"\ \ ", " +")
            pattern += r"[ \t]*\n)"
    return re.fullmatch(pattern, said.strip() + "\n") is not None


@pytest.mark.parametrize(
    ("expected", "said", "is_fitting"),
    [
        ("200\n{\n…\n}\n", "200\n{\n  1\n  2\n}\n", True),
        ("200\n{\n…\n}\n", "201\n{\n  1\n}\n", False),
        ('"id": "…",', '  "id": "0193",', True),
        ('"id": "…",', '"name": "0193",', False),
        ("id  email   name", "id    email     name", True),
        ("one\n", "one\ntwo\n", False),
    ],
)
def test_a_block_fits_what_was_printed(expected: str, said: str, is_fitting: bool) -> None:
    assert fits(expected, said) is is_fitting
