"""How commands answer: tables for people, lines for pipes, JSON for programs."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from io import StringIO
from typing import Any, TypeVar

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatehouse.core.text import is_drawable
from gatehouse.web import json

Function = TypeVar("Function", bound=Callable[..., Any])

# A pipe has no width: nothing is wrapped or cut there.
_ENDLESS = 100_000


def json_option(function: Function) -> Function:
    """Give a command that reads the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def as_json(data: Any) -> None:
    """Print `data` as the API spells it, indented."""
    # Once through the API's own writer: ids and times look the same here and there.
    plain = orjson.loads(json.dumps(data))
    click.echo(orjson.dumps(plain, option=orjson.OPT_INDENT_2))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under headings: with a rule at a terminal, as bare columns into a pipe."""
    is_terminal = sys.stdout.isatty()
    shown = Table(
        box=SIMPLE_HEAD if is_terminal else None,
        pad_edge=False,
        header_style="bold",
        show_edge=False,
    )
    for number, name in enumerate(columns):
        # The first one is what a next command takes: it stays in one piece.
        shown.add_column(name, overflow="fold", no_wrap=number == 0)
    for row in rows:
        shown.add_row(*(Text(cell(value)) for value in row))
    _print(shown, is_terminal=is_terminal)


def record(members: Mapping[str, Any]) -> None:
    """Print one thing, a member a line."""
    is_terminal = sys.stdout.isatty()
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in members.items():
        shown.add_row(name, Text(cell(value)))
    _print(shown, is_terminal=is_terminal)


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


def _print(shown: Table, *, is_terminal: bool) -> None:
    if is_terminal:
        Console(highlight=False).print(shown)
        return
    plain = StringIO()
    console = Console(file=plain, width=_ENDLESS, no_color=True, highlight=False)
    console.print(shown)
    for line in plain.getvalue().splitlines():
        click.echo(line.rstrip())
