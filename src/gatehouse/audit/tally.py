"""How often a repeated fact is written: each of the first few, then once a second at most.

A stranger who repeats a refused request a thousand times a second would otherwise cost a thousand
commits. What is not yet written is kept in memory, goes with the next write, and is lost with the
process: a count is a lower bound, and right while it is small.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic

from flask import current_app

WRITTEN_EACH = 10
SECONDS_BETWEEN = 1.0
MOST_KEYS = 10_000
EXTENSION = "gatehouse.audit.tally"


@dataclass(slots=True)
class _Seen:
    total: int = 0
    unwritten: int = 0
    written_at: float = 0.0


class Tally:
    """Counts what is not yet written, in bounded memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def take(self, key: str) -> int:
        """Count one and return how many are to be written now; 0 says not yet."""
        now = monotonic()
        with self._lock:
            seen = self._seen.setdefault(key, _Seen())
            self._seen.move_to_end(key)
            if len(self._seen) > MOST_KEYS:
                self._seen.popitem(last=False)
            seen.total += 1
            seen.unwritten += 1
            if seen.total > WRITTEN_EACH and now - seen.written_at < SECONDS_BETWEEN:
                return 0
            due, seen.unwritten, seen.written_at = seen.unwritten, 0, now
            return due


def present() -> Tally:
    """Return the tally of the present application in this process."""
    tally: Tally = current_app.extensions.setdefault(EXTENSION, Tally())
    return tally
