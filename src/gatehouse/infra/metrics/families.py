"""What is counted has a name, a text and labels; and the twin that counts nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Family:
    """What one name counts; `text` is its HELP, and `labels` tell its series apart."""

    name: str
    text: str
    labels: tuple[str, ...] = ()


class Counter(Family):
    """What only rises; its name ends in `_total`."""

    __slots__ = ()


class Gauge(Family):
    """What rises and falls."""

    __slots__ = ()


class Histogram(Family):
    """How long something took, in seconds; its name ends in `_seconds`."""

    __slots__ = ()


class Reading(NamedTuple):
    """One value of a gauge, with the values of its labels in their order."""

    gauge: Gauge
    value: float
    labels: tuple[str, ...] = ()


Read = Callable[[], Iterable[Reading]]


class NullMetrics:
    """Counts nothing, and is what counts without METRICS_TOKEN."""

    families: tuple[Family, ...] = ()

    def declare(self, families: Iterable[Family]) -> None:
        """Make families known."""

    def watch(self, gauges: Iterable[Gauge], read: Read) -> None:
        """Let gauges of this process be read about once a second; `read` must not wait."""

    def ask(self, source: str, gauges: Iterable[Gauge], read: Read) -> None:
        """Let gauges be read at a scrape, in an application context; `read` may fail."""

    def count(self, counter: Counter, *labels: str) -> None:
        """Count one."""

    def answered(self, method: str, route: str | None, status: str, seconds: float) -> None:
        """Count one answer to a request, by its route, and how long it took."""

    def sample(self) -> None:
        """Read the gauges of this process, unless that was done a moment ago."""

    def text(self) -> bytes:
        """Return all families as Prometheus reads them."""
        return b""
