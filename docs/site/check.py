"""Looks at the finished site: every link arrives, and nothing is loaded from another host.

python docs/site/check.py build/site
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; an `a` is followed by people.
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
# Links that say where a page is, and load nothing.
ONLY_NAMED = {"canonical", "next", "prev", "alternate"}


class Page(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element names."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in LOADED and LOADED[tag] in found:
            is_named = ONLY_NAMED & set(found.get("rel", "").split())
            (self.links if is_named else self.loads).append(found[LOADED[tag]])


def problems(site: Path) -> Iterator[str]:
    """Give a line for each link that leads nowhere and each thing loaded from elsewhere."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        # Paths in the page of a 404 are absolute, because it is shown anywhere.
        shown = path.relative_to(site)
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    yield f"{shown}: loads {link}"
                elif parts.scheme in ("http", "https") and "." not in parts.netloc.rstrip("."):
                    yield f"{shown}: {link} is no address"
                continue
            target = _target(site, path, unquote(parts.path))
            if not target.is_file():
                yield f"{shown}: {link} leads nowhere"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{shown}: {link} names no place on its page"


def _target(site: Path, path: Path, link: str) -> Path:
    if not link:
        return path
    base = site if link.startswith("/") else path.parent
    found = (base / link.lstrip("/")).resolve()
    return found / "index.html" if found.is_dir() else found


def main() -> None:
    """Print what is wrong; exit 1 if anything is."""
    site = Path(sys.argv[1]).resolve()
    found = list(problems(site))
    print("\n".join(found) or f"every link of {site} arrives")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
