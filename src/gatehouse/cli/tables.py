"""How rows are laid out: one line each where the terminal is wide enough, else a few aligned ones.

Ids, addresses and times are never broken, so that they can be copied. Only columns of prose wrap.
"""

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = 2
_INDENT = 2
_NARROWEST_PROSE = 20

Row = Sequence[str]


def laid_out(
    headings: Row, rows: Sequence[Row], *, width: int | None, prose: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Return the lines of the headings and those of the rows; a `width` of None is without end."""
    wraps = [name in prose for name in headings]
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    fitting = widths if width is None else _fitting(widths, wraps, width)
    if fitting is None:
        room = (width or 0) - _INDENT
        widths = [min(one, room) if wrap else one for one, wrap in zip(widths, wraps, strict=True)]
        groups = _packed(widths, width or 0)
    else:
        widths, groups = fitting, [range(len(headings))]
    return (
        _lines(headings, widths, groups, wraps),
        [line for row in rows for line in _lines(row, widths, groups, wraps)],
    )


def _fitting(widths: Sequence[int], wraps: Sequence[bool], width: int) -> list[int] | None:
    """Return widths with which a row is one line, or None; prose shares what the others leave."""
    found = list(widths)
    solid = sum(one for one, wrap in zip(widths, wraps, strict=True) if not wrap)
    left = width - solid - _GAP * (len(widths) - 1)
    soft = sorted((widths[number], number) for number, wrap in enumerate(wraps) if wrap)
    for place, (natural, number) in enumerate(soft):
        found[number] = min(natural, left // (len(soft) - place))
        if found[number] < min(natural, _NARROWEST_PROSE):
            return None
        left -= found[number]
    return found if left >= 0 else None


def _packed(widths: Sequence[int], width: int) -> list[range]:
    """Return which columns share a line: as many as it holds, in their order."""
    groups: list[range] = []
    start, used = 0, 0
    for number, one in enumerate(widths):
        if number > start and used + _GAP + one > width:
            groups.append(range(start, number))
            start, used = number, _INDENT - _GAP
        used += one + _GAP * (number > 0)
    return [*groups, range(start, len(widths))]


def _lines(
    row: Row, widths: Sequence[int], groups: list[range], wraps: Sequence[bool]
) -> list[str]:
    lines: list[str] = []
    for group in groups:
        cells = [_wrapped(row[n], widths[n]) if wraps[n] else [row[n]] for n in group]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (_padded(part, widths[n]) for part, n in zip(parts, group, strict=True))
            indent = " " * _INDENT if group.start else ""
            lines.append((indent + (" " * _GAP).join(padded)).rstrip())
    return lines


def _padded(text: str, width: int) -> str:
    return text if cell_len(text) >= width else set_cell_size(text, width)


def _wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` cells, broken between words where possible."""
    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines += chop_cells(word, width) or [word]
    return lines
