"""What every error code means and what a client does about it, told by the classes that refuse.

A refusal of any feature is here as soon as its class exists: the first paragraph of its docstring,
its `remedy` and its `example` are the text.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from gatehouse.core.errors import Refusal
from gatehouse.web import problem

HEADERS = {
    401: {"WWW-Authenticate": "how to authenticate (RFC 6750, section 3)"},
    405: {"Allow": "the methods that the path knows"},
    429: {"Retry-After": "how many seconds to wait"},
    503: {"Retry-After": "how many seconds to wait"},
}
_REQUEST_ID = "0193a1f2-7c1e-7d0b-9a55-3f1c2b4d5e6f"
_FLOORS = ("core", "infra", "web")


@dataclass(frozen=True, slots=True)
class Entry:
    """One code as a page shows it; `place` is the feature whose refusal it is, or empty."""

    code: str
    status: int
    title: str
    means: str
    remedy: str
    place: str
    document: dict[str, Any]

    @property
    def phrase(self) -> str:
        """The words of the status."""
        return HTTPStatus(self.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that come with the status, and what they say."""
        return HEADERS.get(self.status, {})


@cache
def entries() -> Mapping[str, Entry]:
    """Return every code that a class has, by status and name; ask after the features are loaded."""
    found = {one.code: _entry(one) for one in _refusals(Refusal) if "code" in vars(one)}
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].status, item[0]))))


def find(code: str) -> Entry | None:
    """Return what is known of a code; one that no class has may be the phrase of a status."""
    found = entries().get(code)
    for status in HTTPStatus:
        named, title = problem.named(status)
        if found is None and status >= 400 and named == code:
            means = f"{status.description or title}."
            found = _told(status, code, title, means=means, remedy="", place="")
    return found


def _refusals(base: type[Refusal]) -> Iterator[type[Refusal]]:
    if base.__module__.startswith("gatehouse."):
        yield base
    for one in base.__subclasses__():
        yield from _refusals(one)


def _entry(one: type[Refusal]) -> Entry:
    folder = one.__module__.split(".")[1]
    return _told(
        HTTPStatus(one.status),
        one.code,
        one.title,
        means=" ".join((inspect.getdoc(one) or "").partition("\n\n")[0].split()),
        remedy=one.remedy,
        place="" if folder in _FLOORS else folder,
        example=vars(one).get("example"),
    )


def _told(
    status: HTTPStatus,
    code: str,
    title: str,
    *,
    means: str,
    remedy: str,
    place: str,
    example: dict[str, Any] | None = None,
) -> Entry:
    document = {
        "type": problem.type_of(code),
        "title": title,
        "status": int(status),
        "detail": f"{title}.",
        "instance": _REQUEST_ID,
        "code": code,
        **(example or {}),
    }
    return Entry(code, int(status), title, means, remedy, place, document)
