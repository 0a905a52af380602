"""Lists in pages: by cursor, by `page` and `per_page`, or by `skip` and `limit`.

    args = {...}                                    # loaded by a schema that extends PageArgs
    window = pagination.window("users", args)       # takes the paging parameters out of args
    statement = pagination.apply(statement, window, keys=[User.created_at, User.id],
                                 descending=True)
    rows = pagination.cut(db.replica.rows(statement), window)
    return pagination.answer([render(row) for row in rows], window, key="users")

The sort keys have to be among the selected columns, under their own names, the unique one last.
"""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request
from marshmallow import fields
from sqlalchemy import Select

from gatehouse.core.errors import Unprocessable
from gatehouse.infra import cache
from gatehouse.web import cursors, keyset
from gatehouse.web.json import respond
from gatehouse.web.refusals import InvalidCursor, UseCursor
from gatehouse.web.schemas import QueryBoolean, QueryInteger, Schema, Text, told

PER_PAGE, MAX_PER_PAGE = 30, 100
MAX_OFFSET = 10_000
TOTALS = cache.Space("totals", seconds=30)
_PAGING = ("page", "per_page", "skip", "limit", "cursor", "total")
_LARGEST = 10**12
CURSOR = "WyIwMTk5YzJkNCJd.vT0o6m1cQZ5XjYw2r8Kq4A"


class PageArgs(Schema):
    """The paging parameters of every list; its query schema extends this one."""

    page = QueryInteger(min=1, max=_LARGEST, metadata=told("The number of the page, from 1.", 1))
    per_page = QueryInteger(
        min=1,
        max=MAX_PER_PAGE,
        metadata=told(f"How many rows a page has; {PER_PAGE} if absent.", 10),
    )
    skip = QueryInteger(
        min=0, max=_LARGEST, metadata=told("How many rows to leave out; instead of `page`.", 20)
    )
    limit = QueryInteger(
        min=1,
        max=MAX_PER_PAGE,
        metadata=told("How many rows to return; instead of `per_page`.", 10),
    )
    cursor = Text(
        max=cursors.MAX_LENGTH,
        metadata=told("`next_cursor` of the page before; instead of `page` and `skip`.", CURSOR),
    )
    total = QueryBoolean(
        metadata=told("Whether to count all rows; the count is at most 30 seconds old.", True)
    )


class PageOut(Schema):
    """The members of every page; the schema of a list's answer extends this one."""

    page = fields.Integer(
        required=True,
        allow_none=True,
        metadata=told("The number of the page, from 1; null after a cursor.", 1),
    )
    per_page = fields.Integer(required=True, metadata=told("How many rows a page has.", PER_PAGE))
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata=told("What `cursor` takes for the next page; null on the last one.", CURSOR),
    )
    total = fields.Integer(metadata=told("How many rows there are; only with `total=true`.", 137))


@dataclass(slots=True)
class Window:
    """Which rows of a list are asked for; `apply` and `cut` note where it goes on."""

    limit: int
    offset: int
    fingerprint: str
    cursor: str | None
    style: str
    wants_total: bool
    keys: Sequence[str] = field(default=())
    next_cursor: str | None = None
    is_cut: bool = False

    @property
    def page(self) -> int | None:
        """The number of the page, from 1; nobody knows it after a cursor."""
        return None if self.cursor else self.offset // self.limit + 1


def window(name: str, args: MutableMapping[str, Any], *, scope: str = "") -> Window:
    """Return the window that `args` asks for, and take the paging parameters out of it.

    What stays in `args` is the filters and the order; a cursor works with the same ones only.
    `scope` names what else narrows the list, as the caller whose own rows it holds.
    Raises Unprocessable for contradicting parameters, UseCursor beyond offset 10,000.
    """
    given = {key: args.pop(key) for key in _PAGING if args.get(key) is not None}
    styles = [
        style
        for style, members in (("cursor", {"cursor"}), ("page", {"page"}), ("skip", {"skip"}))
        if members & given.keys()
    ]
    by_limit = "limit" in given
    if len(styles) > 1 or (by_limit and ("per_page" in given or "page" in given)):
        raise Unprocessable("Use one of page and per_page, skip and limit, or cursor.")
    limit = given.get("limit") or given.get("per_page") or PER_PAGE
    offset = given.get("skip") or (given.get("page", 1) - 1) * limit
    if offset > MAX_OFFSET:
        raise UseCursor(f"An offset beyond {MAX_OFFSET} is reached with the cursor only.")
    default = "skip" if by_limit else "page"
    return Window(
        limit=limit,
        offset=offset,
        fingerprint=cursors.fingerprint(f"{name} {scope}", args),
        cursor=given.get("cursor"),
        style=styles[0] if styles else default,
        wants_total=given.get("total", False),
    )


def start(window: Window, *, keys: int) -> tuple[keyset.Start, dict[str, Any]]:
    """Return how the window of a list with so many sort keys begins, and with which values."""
    if window.cursor is None:
        if not window.offset:
            return keyset.Start.FIRST, {}
        return keyset.Start.OFFSET, {"offset": window.offset}
    values = cursors.read(window.cursor, window.fingerprint)
    if len(values) != keys:
        raise InvalidCursor
    begins = keyset.Start.AFTER_NULL if values[0] is None else keyset.Start.AFTER
    return begins, {f"after_{place}": value for place, value in enumerate(values)}


def apply(
    statement: Select[Any], window: Window, *, keys: Sequence[Any], descending: bool
) -> Select[Any]:
    """Order `statement` and cut the window out of it, one row more than it shows."""
    window.keys = [key.key for key in keys]
    begins, values = start(window, keys=len(keys))
    limit = window.limit + 1
    page = keyset.page(statement, keys, descending=descending, limit=limit, start=begins)
    return page.params(values)


def cut(
    rows: Sequence[Any],
    window: Window,
    *,
    keys: Callable[[Any], Sequence[Any]] | None = None,
) -> Sequence[Any]:
    """Return the rows to show, and note in the window where the list goes on.

    `keys` reads the sort keys of a row that has no names.
    """
    window.is_cut = True
    if len(rows) <= window.limit:
        return rows
    shown = rows[: window.limit]
    last = shown[-1]
    values = keys(last) if keys else [last._mapping[key] for key in window.keys]
    window.next_cursor = cursors.write(values, window.fingerprint)
    return shown


def answer(
    items: Sequence[Any],
    window: Window,
    *,
    key: str,
    total: Callable[[], int] | None = None,
) -> Response:
    """Return the page: items (or rows as they came from the database), numbers and links.

    `total` counts the rows of the list; it is called when the client asks, and at most every
    30 seconds for the same filters.
    """
    if not window.is_cut:
        # Names of columns may be of a subclass of str, which the JSON writer refuses.
        items = [
            {str(name): value for name, value in row._mapping.items()} for row in cut(items, window)
        ]
    document: dict[str, Any] = {
        key: items,
        "page": window.page,
        "per_page": window.limit,
        "next_cursor": window.next_cursor,
    }
    if window.wants_total and total is not None:
        document["total"] = cache.read_through(TOTALS, window.fingerprint, total)
    return respond(document, headers={"Link": _links(window)})


def _links(window: Window) -> str:
    """Return the Link header (RFC 8288): the first page, and the next one in the same style."""
    others = [(name, value) for name, value in request.args.items() if name not in _PAGING]
    url = f"{quote(request.path)}?{urlencode(others)}{'&' if others else ''}"
    size = f"{'limit' if window.style == 'skip' else 'per_page'}={window.limit}"
    links = [f'<{url}{size}>; rel="first"']
    if window.next_cursor is not None:
        following = window.offset + window.limit
        if window.style == "cursor" or following > MAX_OFFSET:
            # A cursor has only characters that stand for themselves in a URL.
            goes_on = f"per_page={window.limit}&cursor={window.next_cursor}"
        elif window.style == "skip":
            goes_on = f"skip={following}&{size}"
        else:
            goes_on = f"page={(window.page or 1) + 1}&{size}"
        links.append(f'<{url}{goes_on}>; rel="next"')
    return ", ".join(links)
