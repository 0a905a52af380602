"""Time that passes when a test says so."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from unittest import mock

from gatehouse.core import clock


class Clock:
    """Moves the service's clock; the process's own clock stays as it is."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def forward(self, **duration: float) -> None:
        """Let time pass: `forward(minutes=20)`."""
        self._stack.enter_context(clock.shifted(timedelta(**duration)))

    def stop(self) -> "Clock":
        """Let time stand still but for `forward`, so that no slow machine opens a throttle."""
        present = clock.now()
        self._stack.enter_context(mock.patch.object(clock, "_read", return_value=present))
        return self

    def now(self) -> datetime:
        """Return what the service takes for the present."""
        return clock.now()
