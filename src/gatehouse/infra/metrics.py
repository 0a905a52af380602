"""Metrics: what is counted for the holder of METRICS_TOKEN; without one nothing is.

Whoever counts names a family, declares it, and counts by it:

    LOGINS = Counter("gatehouse_logins_total", "Log-ins by outcome.", ("outcome",))
    metrics.count(LOGINS, "succeeded")

A gauge is either *watched*, read about once a second in every process and summed over those that
live, or *asked* for at a scrape, because one answer stands for all processes. A label takes values
of a small, known set only: never a name, an address, an id or anything else that a client chose.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from flask import Flask, current_app

from gatehouse.core.errors import Refusal
from gatehouse.settings import Settings

EXTENSION = "gatehouse.metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SUCCEEDED = "succeeded"


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

    def answered(self, environ: dict[str, Any], status: str, seconds: float) -> None:
        """Count one answer to a request, by its route, and how long it took."""

    def sample(self) -> None:
        """Read the gauges of this process, unless that was done a moment ago."""

    def text(self) -> bytes:
        """Return all families as Prometheus reads them."""
        return b""


SILENT = NullMetrics()


def init_app(app: Flask, settings: Settings) -> None:
    """Choose once whether `app` counts; the library is loaded only where it does."""
    if settings.metrics_token is None:
        app.extensions[EXTENSION] = SILENT
    else:
        app.extensions[EXTENSION] = import_module("gatehouse.infra.metrics_kept").Metrics(app)


def of(app: Flask) -> NullMetrics:
    """Return the metrics of an application, or their silent twin."""
    found: NullMetrics = app.extensions.get(EXTENSION, SILENT)
    return found


def count(counter: Counter, *labels: str) -> None:
    """Count one in the present application."""
    of(current_app).count(counter, *labels)


@contextmanager
def outcome_of(counter: Counter) -> Iterator[None]:
    """Count what became of the block, or of the function it decorates.

    That is `succeeded`, or the code of the refusal that it raised.
    """
    try:
        yield
    except Refusal as refusal:
        count(counter, refusal.code)
        raise
    count(counter, SUCCEEDED)
