"""The page of promises and the tests name the same lines, and where they are shown."""

import re
from pathlib import Path

from tests.servers.server import ROOT

TESTS = ROOT / "tests"
PAGE = (ROOT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| ([RCF][0-9]+) \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
IN_A_NAME = re.compile(r"def test_((?:[rcf][0-9]{1,3}_)+)", re.IGNORECASE)
# Not the %C3 of an encoded letter.
IN_A_TEXT = re.compile(r"(?<![%\w\\])([RCF][0-9]{1,3})\b")


def named_in(path: Path) -> set[str]:
    """Return the lines that a file names, in names of tests or in words."""
    text = path.read_text()
    names = {name for many in IN_A_NAME.findall(text) for name in many.strip("_").split("_")}
    return {name.upper() for name in names} | set(IN_A_TEXT.findall(text))


def rows() -> dict[str, list[Path]]:
    """Return the files that the page names for each line."""
    found = ROW.findall(PAGE)
    lines = [line for line, *_ in found]
    assert len(lines) == len(set(lines)), "a line stands on the page twice"
    return {line: [TESTS / name for name in re.findall(r"`([^`]+)`", by)] for line, _, by in found}


def test_the_page_names_where_each_line_is_shown() -> None:
    for line, files in rows().items():
        assert files, f"{line} is shown by no test"
        for path in files:
            assert path.name.startswith("test_"), path
            assert path.is_file(), f"{line}: there is no {path.relative_to(ROOT)}"
            assert line in named_in(path), f"{path.relative_to(ROOT)} does not name {line}"


def test_every_line_that_a_test_names_is_on_the_page() -> None:
    promised = set(rows())
    for path in TESTS.rglob("*.py"):
        # An F with a number is also part of many an escaped character.
        named = {line for line in named_in(path) if line[0] != "F"}
        assert named <= promised, path.relative_to(ROOT)
