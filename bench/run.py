"""One run of the benchmark: what was asked for, what is there, what was measured."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import checks
from bench.data import Databases
from bench.load import Result
from bench.machine import Calibration
from bench.processes import Running, serving
from bench.services import Service

LONGEST_WAIT_SECONDS = 10.0
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; log-ins are few a second, and need longer to say anything."""

    rounds: int
    seconds: float
    login_rounds: int
    login_seconds: float
    people: int
    many: int
    parts: tuple[str, ...]
    is_whole: bool
    patience: float


@dataclass(slots=True)
class Run:
    """What the workloads share. `measures` is what they leave behind."""

    plan: Plan
    databases: Databases
    calibration: Calibration
    home: Path
    stack: ExitStack
    patience: float  # how long it may still wait for a quiet machine, or repeat, in seconds
    services: dict[str, Service] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    measures: list[dict[str, Any]] = field(default_factory=list)
    large: tuple[Running, Running, int, str] | None = None

    def start(self, *names: str) -> list[Running]:
        """Return these services, started and warm."""
        found = []
        for name in names:
            if name not in self.running:
                running = self.stack.enter_context(serving(self.services[name], logs=self.home))
                checks.everybody_is_themselves(running, sample=64)
                self.running[name] = running
            found.append(self.running[name])
        return found

    def interleaved(
        self,
        workload: str,
        contestants: dict[str, Callable[[], Result | float]],
        *,
        rounds: int | None = None,
    ) -> None:
        """Measure each contestant in turn, round after round: A B C, A B C, ..."""
        for number in range(rounds or self.plan.rounds):
            for name, measure in contestants.items():
                self.measure(workload, name, measure, number=number)

    def measure(
        self,
        workload: str,
        service: str,
        measure: Callable[[], Result | float],
        *,
        number: int = 0,
    ) -> dict[str, Any]:
        """Measure once, again where the machine was slow meanwhile, and keep the result."""
        for attempt in range(ATTEMPTS):
            began = time.monotonic()
            before = self.calibration.wait(
                longest_seconds=min(LONGEST_WAIT_SECONDS, max(self.patience, 0.0))
            )
            waited = time.monotonic() - began
            result = measure()
            speed = min(before, self.calibration.now())
            taken = time.monotonic() - began
            is_last = attempt == ATTEMPTS - 1 or self.patience < taken
            if is_last or not self.calibration.is_slow(speed):
                self.patience -= waited
                break
            self.patience -= taken
            say(f"  {workload} {service}: the machine was slow ({speed:.2f}), once more")
        found = result.document() if isinstance(result, Result) else {"value": result}
        record = {"workload": workload, "service": service, "round": number, "speed": speed}
        record |= found
        self.measures.append(record)
        say(f"  {workload} {service:<20} {summary(found)}")
        return record


def summary(found: dict[str, Any]) -> str:
    """Return a result in a line."""
    words = []
    for name, value in found.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else str(value)
        if value not in (0, ""):
            words.append(f"{name} {shown}")
    return "  ".join(words)


def say(text: str) -> None:
    """Tell how far the run is."""
    print(text, file=sys.stderr, flush=True)
