"""A flame graph of the main thread: its stack looked at again and again, drawn as SVG."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT, TEXT = 1200, 15, 6.2
LEAST = 0.004  # of the whole; what is narrower cannot be read
COLOURS = {"gatehouse": "#f2a65a", "sqlalchemy": "#9ec1a3", "psycopg": "#7fb2d6"}

PAUSE_SECONDS = 0.001
Stack = tuple[str, ...]


@contextmanager
def watching() -> Iterator[Counter[Stack]]:
    """Count the stacks of the main thread while the block runs, outermost frame first.

    The system's clock of computing time interrupts it. Another thread that looked would come to
    its turn where this one waits, and see little else.
    """
    found: Counter[Stack] = Counter()

    def look(_signal: int, frame: Any) -> None:
        stack = []
        while frame is not None:
            stack.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")
            frame = frame.f_back
        found[tuple(reversed(stack))] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, PAUSE_SECONDS, PAUSE_SECONDS)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def draw(stacks: Counter[Stack], root: str, path: Path) -> None:
    """Write the graph of what lies above the frame `root`."""
    cut: Counter[Stack] = Counter()
    for stack, times in stacks.items():
        if root in stack:
            cut[stack[stack.index(root) :]] += times
    total = sum(cut.values())
    boxes = list(_boxes(cut, total))
    height = (max(depth for depth, *_ in boxes) + 1) * HEIGHT
    lines = [_box(*box, total=total) for box in boxes]
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="10">\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _boxes(stacks: Counter[Stack], total: int) -> Iterator[tuple[int, float, int, str]]:
    """Give (depth, left, times, name) of every frame that is wide enough, callers above."""

    def level(held: Counter[Stack], depth: int, left: float) -> Iterator[Any]:
        by_name: dict[str, Counter[Stack]] = {}
        for stack, times in held.items():
            if depth < len(stack):
                by_name.setdefault(stack[depth], Counter())[stack] += times
        for name, inner in sorted(by_name.items()):
            times = sum(inner.values())
            if times >= LEAST * total:
                yield depth, left, times, name
                yield from level(inner, depth + 1, left)
            left += times

    yield from level(stacks, 0, 0)


def _box(depth: int, left: float, times: int, name: str, *, total: int) -> str:
    x, width, y = left / total * WIDTH, times / total * WIDTH, depth * HEIGHT
    colour = COLOURS.get(name.partition(".")[0], "#dcd6c8")
    room = int(width / TEXT)
    short = name.rpartition("<locals>.")[2]
    text = escape(short if len(short) <= room else short[-room:]) if room > 3 else ""
    told = f"<title>{escape(name)}: {times / total:.1%}</title>"
    return (
        f'<g>{told}<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT - 1}" '
        f'fill="{colour}"/><text x="{x + 2:.1f}" y="{y + 11}">{text}</text></g>'
    )
