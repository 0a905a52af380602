"""Where a code may occur: the operations whose description names it."""

from collections.abc import Iterator
from typing import Any

from flask import current_app

from gatehouse.infra import cache
from gatehouse.web import openapi

# Following the whole description takes longer than everything else about the page.
NAMING = cache.Space("operations_naming", is_local=True)
_METHODS = ("get", "put", "post", "patch", "delete")


def naming(code: str) -> list[str]:
    """Return the operations of the present application that may answer with a code."""
    found: list[str] = cache.read_through(NAMING, code, lambda: _naming(code))
    return found


def _naming(code: str) -> list[str]:
    document = current_app.extensions[openapi.API].description()
    return [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item and code in _codes(item[method].get("responses"), document)
    ]


def _codes(node: Any, document: dict[str, Any]) -> Iterator[str]:
    """Give every value that a member `code` of a schema may have; follows shared responses."""
    if isinstance(node, list):
        for one in node:
            yield from _codes(one, document)
    elif isinstance(node, dict):
        shared = node.get("$ref", "")
        if shared.startswith("#/components/responses/"):
            yield from _codes(document["components"]["responses"][shared[23:]], document)
        yield from node.get("x-error-codes", ())
        for name, value in node.items():
            if name == "code" and isinstance(value, dict):
                yield from value.get("enum", ())
                yield from [value["const"]] if "const" in value else ()
            else:
                yield from _codes(value, document)
