"""Draws the message drawings of the pages as SVG, so that the site needs no script and no network.

Takes the part of Mermaid's `sequenceDiagram` that the pages use; GitHub draws the same text itself:

    sequenceDiagram
        accTitle: Logging in
        participant C as Client
        participant G as Gatehouse
        C->>G: POST /auth/login
        G-->>C: 200, two tokens
        G--xC: an answer that gets lost
        Note over C,G: within ten seconds
"""

import re
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

CHARACTER, LINE, GAP = 6.7, 17, 22
LEAST_COLUMN, BOX, MARGIN = 110, 30, 3
LETTERS_A_LINE, LETTERS_OF_A_NOTE = 31, 20

_STATEMENT = re.compile(
    r"accTitle: *(?P<title>.+)"
    r"|participant +(?P<id>\w+)(?: +as +(?P<name>.+))?"
    r"|(?P<from>\w+?) *(?P<arrow>--?(?:>>|x)) *(?P<to>\w+) *: *(?P<text>.+)"
    r"|[Nn]ote +over +(?P<first>\w+)(?:, *(?P<last>\w+))? *: *(?P<note>.+)"
)


@dataclass
class Row:
    """A message or a note: which columns it joins, and its lines of text."""

    start: int
    end: int
    lines: list[str]
    arrow: str = ""

    @property
    def height(self) -> int:
        """How much of the drawing it takes."""
        return len(self.lines) * LINE + GAP


def parse(source: str) -> tuple[str, list[str], list[Row]]:
    """Return title, names of the columns and rows; raises ValueError for what is not understood."""
    head, *lines = [line.strip() for line in source.strip().splitlines() if line.strip()]
    if head != "sequenceDiagram":
        raise ValueError(f"not a sequenceDiagram: {head}")
    title, names, rows = "", {}, []
    for line in lines:
        found = _STATEMENT.fullmatch(line)
        if found is None:
            raise ValueError(f"not understood: {line}")
        if found["title"]:
            title = found["title"]
        elif found["id"]:
            names[found["id"]] = found["name"] or found["id"]
        elif found["arrow"]:
            ends = [list(names).index(found[end]) for end in ("from", "to")]
            rows.append(Row(*ends, _lines(found["text"], LETTERS_A_LINE), found["arrow"]))
        else:
            ends = [list(names).index(end) for end in (found["first"], found["last"]) if end]
            rows.append(Row(min(ends), max(ends), _lines(found["note"], LETTERS_OF_A_NOTE)))
    if not title:
        raise ValueError("a drawing needs an accTitle")
    return title, list(names.values()), rows


def draw(source: str) -> str:
    """Return the drawing as SVG; its colours are those of the page around it."""
    title, names, rows = parse(source)
    centres = _centres(names, rows)
    width = centres[-1] + centres[0]
    y = BOX + MARGIN + GAP / 2
    parts = []
    for row in rows:
        parts += _note(row, centres, y) if not row.arrow else _message(row, centres, y)
        y += row.height
    height = y + MARGIN
    heads = []
    for name, x in zip(names, centres, strict=True):
        half = max(len(name) * CHARACTER / 2 + 12, 48)
        heads += [
            f'<line class="life" x1="{x:g}" y1="{BOX + 2}" x2="{x:g}" y2="{height:g}"/>',
            f'<rect class="who" x="{x - half:g}" y="2" width="{2 * half:g}" height="{BOX}"/>',
            f'<text class="name" x="{x:g}" y="{BOX / 2 + 7:g}">{escape(name)}</text>',
        ]
    return (
        '<figure class="sequence" data-search-exclude="">'
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" style="width: {width:g}px">'
        f"<title>{escape(title)}</title>{''.join(heads)}{''.join(parts)}</svg></figure>"
    )


def fence(source: str, *_: Any, **__: Any) -> str:
    """Draw a fenced block of Markdown (the interface of pymdownx.superfences)."""
    return draw(source)


def _lines(text: str, letters: int) -> list[str]:
    return [
        line
        for part in re.split(r"<br */?>", text)
        for line in wrap(part, letters, break_long_words=False, break_on_hyphens=False)
    ]


def _centres(names: list[str], rows: list[Row]) -> list[float]:
    """Return the middle of each column, far enough apart for what is written between them."""
    gaps = [float(LEAST_COLUMN)] * (len(names) - 1)
    for row in rows:
        left, right = sorted((row.start, row.end))
        if right > left:
            wanted = max(map(len, row.lines)) * CHARACTER + 28
            lacking = wanted - sum(gaps[left:right])
            for column in range(left, right):
                gaps[column] += max(lacking, 0) / (right - left)
    # As far from the edges as the widest note over an outer column needs.
    outer = [row for row in rows if not row.arrow and row.start == row.end]
    widest = max((max(map(len, row.lines)) for row in outer), default=0) * CHARACTER + 24
    centres = [max(LEAST_COLUMN, widest) / 2 + MARGIN]
    for gap in gaps:
        centres.append(centres[-1] + gap)
    return centres


def _message(row: Row, centres: list[float], y: float) -> list[str]:
    start, end = centres[row.start], centres[row.end]
    way = 1 if end > start else -1
    line = y + len(row.lines) * LINE + 2
    is_lost = row.arrow.endswith("x")
    tip = (start + 2 * end) / 3 if is_lost else end - way
    dashed = " dashed" if row.arrow.startswith("--") else ""
    parts = _text(row.lines, (start + end) / 2, y, "said")
    parts.append(
        f'<line class="arrow{dashed}" x1="{start:g}" y1="{line}" x2="{tip:g}" y2="{line}"/>'
    )
    if is_lost:
        cross = f"M{tip - 5:g} {line - 5}l10 10m0 -10l-10 10"
        return [*parts, f'<path class="cross" d="{cross}"/>']
    head = f"M{tip:g} {line}l{-9 * way} -5v10z"
    return [*parts, f'<path class="head" d="{head}"/>']


def _note(row: Row, centres: list[float], y: float) -> list[str]:
    wanted = max(map(len, row.lines)) * CHARACTER + 20
    middle = (centres[row.start] + centres[row.end]) / 2
    width = max(wanted, centres[row.end] - centres[row.start] + 40)
    left = middle - width / 2
    height = len(row.lines) * LINE + 8
    box = f'<rect class="note" x="{left:g}" y="{y:g}" width="{width:g}" height="{height}" rx="3"/>'
    return [box, *_text(row.lines, left + width / 2, y + 3, "noted")]


def _text(lines: list[str], x: float, y: float, kind: str) -> list[str]:
    return [
        f'<text class="{kind}" x="{x:g}" y="{y + LINE * (number + 0.75):g}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
