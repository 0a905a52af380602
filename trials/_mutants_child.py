"""A process that judges a mutant, and when it is given up: by its own time, not the machine's."""

from dataclasses import dataclass
from typing import Any

from trials._shared import processor

# For one test, of processor time: more than that is an endless loop.
BUSY_SECONDS = 20.0
# Asleep at one go: more than that is a wait for nobody.
IDLE_SECONDS = 30.0


@dataclass
class Child:
    """A process that judges a mutant."""

    pid: int
    mutant: dict[str, Any]
    directory: str
    tests: int
    began: float
    said: bytes = b""
    computed: float = 0.0
    computed_before: float = 0.0
    slept: float = 0.0

    def is_hung(self, passed: float) -> bool:
        """Look at the process, and tell whether its test goes on without end."""
        state, computed = processor(self.pid)
        is_asleep = state == "S" and computed == self.computed
        self.slept = self.slept + passed if is_asleep else 0.0
        self.computed = computed
        return computed - self.computed_before > BUSY_SECONDS or self.slept > IDLE_SECONDS

    def goes_on(self, said: bytes) -> None:
        """Note what the process says: it has begun another test."""
        self.said += said
        self.computed_before, self.slept = self.computed, 0.0
