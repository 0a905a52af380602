"""The files that pages load: few, known by name, and kept by browsers for as long as they like."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePath

from gatehouse.infra import swagger_ui

OURS = ("page.css", "mail.js", "docs.css", "docs.js")
TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
PATH = "/pages"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file and the name of its content."""

    content: bytes
    mimetype: str
    digest: str
    belongs_to_docs: bool


@cache
def find(name: str) -> Asset | None:
    """Return the file of a name, read once; None for all other names."""
    if name in OURS:
        content = (files("gatehouse.pages") / "files" / name).read_bytes()
    elif name in swagger_ui.FILES:
        content = swagger_ui.read(name)
    else:
        return None
    return Asset(
        content,
        TYPES[PurePath(name).suffix],
        sha256(content).hexdigest()[:16],
        belongs_to_docs=name in swagger_ui.FILES or name.startswith("docs."),
    )


def url(name: str) -> str:
    """Return where a file is, by a path that changes with its content."""
    asset = find(name)
    assert asset is not None, name
    return f"{PATH}/{asset.digest}/{name}"
