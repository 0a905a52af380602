"""The page about adding a resource is true: it is carried out in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.server import ROOT
from tests.support.environment import environ

PAGE = (ROOT / "docs" / "adding-a-resource.md").read_text()
COPIED = (
    *("src", "migrations", "wsgi.py", "gunicorn.conf.py", "setup.cfg", "pyproject.toml"),
    *("tests/support", "tests/plugins", "tests/servers", "tests/architecture/test_routes.py"),
    *("tests/architecture/test_vocabulary.py", "tests/conftest.py", "tests/cli/commands.py"),
    *("tests/architecture/test_limits_page.py", "tests/architecture/test_front_doors.py"),
    *("tests/users/records.py", "tests/openapi", "docs/openapi.json", "docs/limits.md"),
    *("tests/architecture/test_ledger_page.py", "docs/administration.md"),
)


def blocks(name: str = "bookmark") -> list[tuple[str, str, str]]:
    """Return path, kind and text of what the page has below a path, for a resource of any name."""
    page = PAGE
    for spelled in (str.lower, str.title, str.upper):
        page = page.replace(spelled("bookmark"), spelled(name))
    return re.findall(r"^`(\S+)`\n\n```(python|diff)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a copy of the project to which the page has been applied, twice."""
    home = tmp_path / "copy"
    for name in COPIED:
        source, target = ROOT / name, home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    head = max(path.stem for path in (ROOT / "migrations" / "versions").glob("*.py"))
    # The second one stands in alphabetical order too.
    for resource in ("bookmark", "badge"):
        apply(home, blocks(resource))
        [migration] = (home / "migrations" / "versions").glob(f"*_{resource}s.py")
        follow(migration, head)
        head = migration.stem
    return home


def apply(home: Path, found: list[tuple[str, str, str]]) -> None:
    """Write the files of the page, and change those that it changes."""
    for name, kind, text in found:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "diff":
            path.write_text(changed(path.read_text(), text))
        else:
            assert not path.exists(), name
            path.write_text(text)


def changed(text: str, difference: str) -> str:
    """Return a text after the hunks of a diff; each has to fit in one place."""
    for hunk in difference.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        # At the beginning of a line only: `health` is no part of `gatehouse.health`.
        assert f"\n{text}".count(f"\n{before}") == 1, f"this fits nowhere, or twice:\n{hunk}"
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]
    return text


def run(home: Path, *command: str) -> str:
    """Run a program of the environment in the copy; return what it printed."""
    variables = environ(home, f"sqlite:///{home}/gatehouse.db", PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, *command],
        cwd=home,
        env=variables | {"PYTHONPATH": f"{home}/src"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_adds_one_resource_and_another(home: Path) -> None:
    """Its migrations fit its models, its tests pass, and the checks find nothing."""
    run(home, "-m", "flask", "db", "upgrade")
    run(home, "-m", "flask", "db", "check")
    run(home, "-m", "flask", "db", "downgrade", "--yes")
    places = ("tests/bookmarks", "tests/badges", "tests/architecture")
    said = run(
        home, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgresql", *places
    )
    assert re.search(r"\d+ passed", said), said

    run(home, "-m", "flask", "openapi", "--output", "docs/openapi.json")
    new = ("-k", "not postgresql and (bookmarks or badges or committed or told)")
    said = run(home, "-m", "pytest", "-q", "-p", "no:cacheprovider", *new, "tests/openapi")
    assert re.search(r"\d+ passed", said), said

    written = {name for name, _, _ in blocks() if name.endswith(".py")}
    run(home, "-m", "ruff", "check", "--no-cache", *written)
    run(home, "-m", "ruff", "format", "--no-cache", "--check", *written)
    run(home, "-c", "from importlinter.cli import lint_imports_command as go; go(['--no-cache'])")


def follow(migration: Path, head: str) -> None:
    """Let a migration follow the newest one, as the page says, whatever that is by now."""
    text = migration.read_text()
    named = re.sub(r'^(down_revision.*= )".*"$', rf'\1"{head}"', text, flags=re.MULTILINE)
    migration.write_text(named)
