"""The one source of the time of day, in UTC, and the one thing that tests may bend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_read: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 - a swappable reading


def now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return _read()


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Let `now` run ahead (or behind) by a duration; for tests."""
    global _read
    before = _read
    _read = lambda: before() + by  # noqa: E731
    try:
        yield
    finally:
        _read = before
