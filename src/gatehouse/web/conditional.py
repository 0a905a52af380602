"""Conditional requests: a resource's version as its ETag (RFC 9110, section 13)."""

import re
from typing import Any

from flask import Response, request

from gatehouse.core.errors import PreconditionFailed
from gatehouse.web.json import respond

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"v{version}"'


def answer(data: Any, *, version: int, status: int = 200) -> Response:
    """Return `data` with its ETag, or 304 when the client has this version already."""
    if status == 200 and not_modified(version):
        response = Response(status=304)
        del response.headers["Content-Type"]
        response.headers["ETag"] = etag(version)
        return response
    return respond(data, status, {"ETag": etag(version)})


def not_modified(version: int) -> bool:
    """Tell whether a GET or HEAD names this version in If-None-Match."""
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    if given is None or request.method not in ("GET", "HEAD"):
        return False
    return given.strip() == "*" or f"v{version}" in (tag for _, tag in _TAG.findall(given))


def check_if_match(version: int) -> None:
    """Raise PreconditionFailed if If-Match is there and does not name this version."""
    expected = expected_versions()
    if expected is not None and version not in expected:
        raise PreconditionFailed


def expected_versions() -> frozenset[int] | None:
    """Return the versions that If-Match names; None when any will do.

    A weak tag, or one that was never ours, is none of them: what is left may be nothing, which
    no version is in.
    """
    given = request.environ.get("HTTP_IF_MATCH")
    if given is None or given.strip() == "*":
        return None
    return frozenset(
        int(tag[1:])
        for weak, tag in _TAG.findall(given)
        if not weak and re.fullmatch(r"v[0-9]{1,18}", tag)
    )
