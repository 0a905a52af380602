"""The tree: small files with a first line, and imports where they belong."""

import ast
from pathlib import Path

import pytest

from tests.servers.server import ROOT

LONGEST = 250
SOURCE = ROOT / "src" / "gatehouse"
OURS = sorted(
    path
    for folder in ("src", "tests", "trials", "bench", "migrations")
    for path in (ROOT / folder).rglob("*.py")
)
MODULES = sorted(SOURCE.rglob("*.py"))


def name(path: Path) -> str:
    """Return a path as a test shows it."""
    return str(path.relative_to(ROOT))


def test_files_are_small() -> None:
    long = {name(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: lines for path, lines in long.items() if lines > LONGEST} == {}


def test_every_module_begins_with_a_sentence() -> None:
    for path in OURS:
        text = ast.get_docstring(ast.parse(path.read_text()))
        assert text, name(path)
        if path in MODULES:
            first = text.partition("\n\n")[0]
            assert first.rstrip().endswith((".", "!", ":", "?")), (name(path), first)


@pytest.mark.parametrize("place", ["web", "sessions", "auth"])
def test_what_decides_about_access_never_reads_the_replica(place: str) -> None:
    """The replica may lag, and a revoked session must not."""
    for path in (SOURCE / place).rglob("*.py"):
        if place == "web" and path.name != "access.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = getattr(node, "attr", None) or getattr(node, "id", None)
            assert named != "replica", name(path)
            if isinstance(node, ast.ImportFrom):
                assert "replica" not in {alias.name for alias in node.names}, name(path)


def test_only_lists_counts_and_the_ledger_read_the_replica() -> None:
    readers = {
        name(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "replica"
    }
    assert readers <= {
        "src/gatehouse/audit/repository.py",
        "src/gatehouse/audit/routes.py",
        "src/gatehouse/roles/repository.py",
        "src/gatehouse/roles/routes.py",
        "src/gatehouse/cli/doctor/replica.py",
        "src/gatehouse/users/listing.py",
        "src/gatehouse/users/routes/collection.py",
    }


def test_only_the_edge_commits() -> None:
    """Services flush; `infra.db.unit` alone commits and rolls back."""
    for path in MODULES:
        if path == SOURCE / "infra" / "db" / "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in ("commit", "rollback"), name(path)


def test_nobody_reads_the_clock_behind_the_clocks_back() -> None:
    """`core.clock.now` is the one source of the time of day; logs have their own."""
    for path in MODULES:
        if path in (SOURCE / "core" / "clock.py", SOURCE / "infra" / "logs" / "__init__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                spelled = f"{node.value.id}.{node.attr}"
                assert spelled not in ("datetime.now", "datetime.utcnow", "time.time"), name(path)


def test_the_tests_name_the_lines_that_they_show() -> None:
    """`grep -rn 'r16' tests` answers where a promise is shown."""
    shown = "\n".join(path.read_text() for path in (ROOT / "tests" / "security").glob("*.py"))
    tokens, sessions, guessing = range(1, 16), range(16, 29), range(43, 58)
    for line in [*tokens, *sessions, *guessing, 112, 113, 115, 116]:
        assert f"_r{line}_" in shown, f"R{line}"
    for race in (1, 2, 3, 5, 6, 7, 8, 9, 10, 13, 15):
        assert f"_c{race}_" in shown, f"C{race}"
