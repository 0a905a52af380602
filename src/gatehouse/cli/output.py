"""How commands answer: tables for people, lines for pipes, JSON for programs.

Answers go to the standard output; hints, questions, progress and errors to the standard error.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from io import TextIOWrapper
from shutil import get_terminal_size
from typing import Any, TypeVar

import click
import orjson

from gatehouse.cli.tables import laid_out
from gatehouse.core.text import is_drawable
from gatehouse.web import json

Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(function: Function) -> Function:
    """Give a command that shows or makes something the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def as_json(data: Any) -> None:
    """Print `data` as the API spells it, indented."""
    # Once through the API's own writer: ids and times look the same here and there.
    plain = orjson.loads(json.dumps(data))
    click.echo(orjson.dumps(plain, option=orjson.OPT_INDENT_2))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    prose: Sequence[str] = (),
    nothing: str = "there is nothing to list",
) -> None:
    """Print rows under headings: ruled, in the width of a terminal; into a pipe a line each.

    Columns of `prose` may wrap. `nothing` is the hint that goes with an empty table.
    """
    shown = [[cell(value) for value in row] for row in rows]
    if not shown:
        click.echo(nothing, err=True)
    is_terminal = sys.stdout.isatty()
    if is_terminal and not shown:
        return
    headings, lines = laid_out(
        columns, shown, width=terminal_width() if is_terminal else None, prose=prose
    )
    for line in headings:
        click.echo(painted(line, bold=True))
    if is_terminal:
        click.echo(_rule(max(map(len, headings + lines))))
    for line in lines:
        click.echo(line)


def record(members: Mapping[str, Any]) -> None:
    """Print one thing, a member a line; what is long is left to the terminal, in one piece."""
    width = max(map(len, members))
    for name, value in members.items():
        click.echo(f"{painted(f'{name:<{width}}', bold=True)}  {cell(value)}")


def cell(value: Any) -> str:
    """Return a value as a table shows it; nothing that a terminal would obey is left."""
    if value is None or value in ([], ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(cell, value))
    text = str(value)
    if is_drawable(text):
        return text
    return "".join(c if is_drawable(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def painted(text: str, **style: Any) -> str:
    """Return text in a style, at a terminal that wants it (https://no-color.org)."""
    wants = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return click.style(text, **style) if wants and not os.environ.get("NO_COLOR") else text


def terminal_width() -> int:
    """Return how many cells a line has."""
    return get_terminal_size().columns


def tolerate_old_terminals() -> None:
    """Let a character that the terminal cannot show be a question mark, not the end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _rule(width: int) -> str:
    is_plain = not (sys.stdout.encoding or "").casefold().startswith("utf")
    return ("-" if is_plain else "\N{BOX DRAWINGS LIGHT HORIZONTAL}") * min(width, terminal_width())
