"""What came of a run: how many requests, which answers, and what was found."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Answers of generated and varied requests; `findings` keeps one example of each kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    varied: int = 0
    log_ins: int = 0
    seconds: float = 0
    processor_seconds: float = 0

    @property
    def requests(self) -> int:
        """How many requests were answered, those of the checks included, log-ins not."""
        return self.statuses.total()

    def of_class(self, digit: int) -> int:
        """Return how many answers were 2xx, 4xx and so on."""
        return sum(count for status, count in self.statuses.items() if status // 100 == digit)

    def never_succeeded(self) -> list[str]:
        """Return the operations that were expected to succeed once and never did."""
        return [
            f"{label}: {dict(statuses)}"
            for label, statuses in sorted(self.by_operation.items())
            if not any(200 <= status < 300 for status in statuses)
        ]

    def add(self, other: "Tally") -> None:
        """Count another run in."""
        self.statuses += other.statuses
        for label, statuses in other.by_operation.items():
            self.by_operation.setdefault(label, Counter()).update(statuses)
        self.findings = {**other.findings, **self.findings}
        self.varied += other.varied
        self.log_ins += other.log_ins
        self.seconds += other.seconds
        self.processor_seconds += other.processor_seconds

    def __str__(self) -> str:
        rate = self.requests / max(self.processor_seconds, 0.001)
        answers = ", ".join(f"{self.of_class(digit):,} {digit}xx" for digit in (2, 3, 4, 5))
        return (
            f"{self.requests:,} requests ({answers}; {self.varied:,} of them variations), "
            f"{len(self.findings)} findings, "
            f"{self.seconds:.0f} s, {rate:.0f} a processor second"
        )
