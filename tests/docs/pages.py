"""Reads the pages of the documentation: their headings, links and fenced blocks.

What stands behind the language of a fence says what a test does with the block:

    ```sh run          carried out, in order, beside one service for all pages
    ```sh run fails    the same, and its last command has to fail
    ```json out        what the block before printed; `…` stands for anything, in a line or as one
    ```sh start        how the service of the page is started, where it matters
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.servers.server import ROOT

DOCS = ROOT / "docs"
ABOVE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

_FENCE = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`\n\n)?^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the path in backquotes that stands above it where it is a file."""

    info: str
    text: str
    path: str | None

    @property
    def words(self) -> list[str]:
        """Language and marks."""
        return self.info.split()


def pages() -> list[Path]:
    """Return every Markdown page that people read."""
    return [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ABOVE)]


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(one["info"], one["text"], one["path"]) for one in _FENCE.finditer(text)]


def links(text: str) -> list[str]:
    """Return the targets of the links of a page; what stands in code is none."""
    return _LINK.findall(_CODE.sub("`code`", _FENCE.sub("", text)))


def headings(text: str) -> list[str]:
    """Return the headings of a page as they are written."""
    return _HEADING.findall(_FENCE.sub("", text))


def anchor(heading: str) -> str:
    """Return the anchor of a heading, where GitHub and the site agree about it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    on_github = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
    on_site = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip())
    assert on_github == on_site, f"anchors differ, choose other words: {heading}"
    return on_site
