"""No link of the pages is dead: files and anchors are looked up, other hosts are not asked."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docs.site import decisions
from tests.docs.pages import DOCS, anchor, headings, links, pages
from tests.servers.server import ROOT


def name(path: Path) -> str:
    """Return a path as a test shows it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_link_arrives(page: Path) -> None:
    for link in links(page.read_text()):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto"), link
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}(:\d+)?", parts.netloc), link
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), link
        if parts.fragment:
            known = {anchor(heading) for heading in headings(target.read_text())}
            assert parts.fragment in known, f"{link} names no heading"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_heading_stands_once_on_its_page(page: Path) -> None:
    """Else links arrive at the first one only."""
    found = [anchor(heading) for heading in headings(page.read_text())]
    if page.name != "CHANGELOG.md":
        assert len(found) == len(set(found)), found


def test_every_page_is_reached_from_the_first_one() -> None:
    reached, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        paths = (urlsplit(link).path for link in links(page.read_text()) if "://" not in link)
        todo += [(page.parent / path).resolve() for path in paths if path]
    assert set(DOCS.rglob("*.md")) <= reached, set(DOCS.rglob("*.md")) - reached


def test_the_site_shows_every_page() -> None:
    """`mkdocs.yml` lists it in the margin; errors and decisions have lists of their own."""
    listed = set(re.findall(r"^ +- (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    expected = {name(path).removeprefix("docs/") for path in DOCS.glob("*.md")}
    assert listed == expected | {"contributing.md", "changelog.md", "decisions/index.md"}


def test_the_list_of_decisions_is_complete_and_in_order() -> None:
    """`make generate` brings it up to date."""
    assert (DOCS / "decisions" / "index.md").read_text() == decisions.text()
