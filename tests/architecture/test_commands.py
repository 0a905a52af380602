"""The commands of the project explain themselves, and what they install is locked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.server import ROOT

LOCKS = sorted(ROOT.glob("requirements*.txt"))


def test_help_is_the_default_and_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^\.PHONY: (.+)$", text, re.M) for name in line.split()}

    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert targets == set(re.findall(r"^  make ([a-z-]+) ", printed, re.M))
    assert {"run", "test", "test-full", "trial", "lint", "format", "typecheck", "check"} <= targets


def test_an_unknown_trial_names_those_that_exist() -> None:
    done = subprocess.run(
        [sys.executable, "trials", "no_such"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "There is no trial no_such." in done.stderr
    for path in (ROOT / "trials").glob("[a-z]*.py"):
        assert path.stem in done.stderr


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "index-url" not in text
    requirements = re.findall(r"^[a-z0-9]\S+", text, re.M | re.I)
    assert requirements
    assert all("==" in requirement for requirement in requirements)
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.M | re.I)[1:]:
        assert "--hash=sha256:" in block


def test_the_locks_agree() -> None:
    """Development tests what production runs."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.M))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_a_lock_holds_every_direct_dependency() -> None:
    for source in ROOT.glob("requirements*.in"):
        wanted = re.findall(r"^[a-z][a-z0-9-]+", source.read_text(), re.M)
        locked = source.with_suffix(".txt").read_text()
        for name in wanted:
            assert re.search(rf"^{name}(\[.+\])?==", locked, re.M), name
