"""Tables and figures as Markdown shows them; what was not measured is an empty cell."""

from collections.abc import Iterator, Sequence

Cells = Sequence[object]


def table(title: str, head: Cells, rows: Sequence[Cells]) -> Iterator[str]:
    """Give the lines of a table under its heading; without rows there is none."""
    if rows:
        yield from (f"### {title}", "", _row(head), "|---|" + "--:|" * (len(head) - 1))
        yield from map(_row, rows)
        yield ""


def number(value: float | None) -> str:
    """Return a count or a rate."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    """Return a time that was measured in milliseconds."""
    return "" if value is None else f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def microseconds(value: float | None) -> str:
    """Return a time that was measured in microseconds."""
    return "" if value is None else f"{value:,.0f} µs"


def unit(value: float | None, name: str, *, digits: int = 1) -> str:
    """Return a figure with its unit."""
    return "" if value is None else f"{value:.{digits}f} {name}"


def times(value: float | None) -> str:
    """Return a ratio that is a result."""
    return "" if value is None else f"**{value:.2f}**"


def part(value: float | None) -> str:
    """Return a ratio beside others."""
    return "" if value is None else f"{value:.2f}"


def _row(cells: Cells) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
