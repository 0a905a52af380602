"""`make docs`: no warning, every link arrives, and nothing is loaded from another host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site import check
from tests.servers.server import ROOT

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the finished site."""
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_every_link_of_the_site_arrives(site: Path) -> None:
    assert list(check.problems(site)) == []


def test_style_sheets_load_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        loaded = re.findall(
            r"url\(['\"]?((?!data:)[^)'\"]+)|@import\s+['\"]([^'\"]+)", path.read_text()
        )
        assert not [one for pair in loaded for one in pair if one.startswith(("http", "//"))], path


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<a href="gone.html">a</a> <a href="#nowhere">b</a> <a href="https://host">c</a>'
        '<script src="https://cdn.example.com/x.js"></script> <a href="index.html">fine</a>'
    )
    assert list(check.problems(tmp_path)) == [
        "index.html: gone.html leads nowhere",
        "index.html: #nowhere names no place on its page",
        "index.html: https://host is no address",
        "index.html: loads https://cdn.example.com/x.js",
    ]
