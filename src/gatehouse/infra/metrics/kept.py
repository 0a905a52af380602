"""The metrics that are kept: by Prometheus's library, in one process or in files that many share.

Loaded only with METRICS_TOKEN. Under gunicorn `files` has been there before, and every
value lies in a file of its process; one process by itself keeps them in its memory.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Any

import prometheus_client
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from gatehouse.infra.metrics import files
from gatehouse.infra.metrics.asked import SCRAPE_ERRORS, Asked
from gatehouse.infra.metrics.families import (
    Counter,
    Family,
    Gauge,
    Histogram,
    NullMetrics,
    Read,
    Reading,
)

REQUESTS = Counter(
    "api_requests_total", "Requests answered, by route.", ("method", "endpoint", "status")
)
DURATION = Histogram(
    "api_request_duration_seconds", "Time to the answer, by route.", ("method", "endpoint")
)
WORKERS = Gauge("gatehouse_workers", "Server processes that live.")

# From a probe, through a read (2 ms) and a password (250 ms), to what a proxy gives up on.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
UNKNOWN = "unknown"  # the endpoint of every path that no route has
SECONDS_BETWEEN_SAMPLES = 1.0

prometheus_client.disable_created_metrics()


class Metrics(NullMetrics):
    """Counts, for one application in one process."""

    def __init__(self, app: Flask) -> None:
        self._metrics: dict[Family, Any] = {}
        self._children: dict[tuple[Family, tuple[str, ...]], Any] = {}
        self._answers: dict[tuple[str, str, str], tuple[Any, Any]] = {}
        self._watched: list[Read] = []
        self._sampled_at = -SECONDS_BETWEEN_SAMPLES
        self._asked = Asked(app)
        self._registry = CollectorRegistry()
        directory = files.directory()
        # From files the values of all processes are read, and not the objects of this one.
        self._own = None if directory else self._registry
        if directory:
            multiprocess.MultiProcessCollector(self._registry, str(directory))
        self._registry.register(self._asked)
        self.declare((REQUESTS, DURATION))
        self.families = (*self.families, SCRAPE_ERRORS)
        self.watch((WORKERS,), lambda: [Reading(WORKERS, 1)])

    def declare(self, families: Iterable[Family]) -> None:
        """Make families known."""
        for family in families:
            self.families = (*self.families, family)
            self._metrics[family] = self._made(family)

    def watch(self, gauges: Iterable[Gauge], read: Read) -> None:
        """Let gauges of this process be read about once a second; `read` must not wait."""
        self.declare(gauges)
        self._watched.append(read)

    def ask(self, source: str, gauges: Iterable[Gauge], read: Read) -> None:
        """Let gauges be read at a scrape, in an application context; `read` may fail."""
        asked = tuple(gauges)
        self.families = (*self.families, *asked)
        self._asked.sources.append((source, asked, read))

    def count(self, counter: Counter, *labels: str) -> None:
        """Count one."""
        self._child(counter, labels).inc()

    def answered(self, method: str, route: str | None, status: str, seconds: float) -> None:
        """Count one answer to a request, by its route, and how long it took."""
        key = method if method in METHODS else OTHER, route or UNKNOWN, status[:3]
        found = self._answers.get(key)
        if found is None:
            found = self._child(REQUESTS, key), self._child(DURATION, key[:2])
            self._answers[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def sample(self) -> None:
        """Read the gauges of this process, unless that was done a moment ago."""
        now = monotonic()
        if now - self._sampled_at < SECONDS_BETWEEN_SAMPLES:
            return
        self._sampled_at = now
        for read in self._watched:
            for reading in read():
                self._child(reading.gauge, reading.labels).set(reading.value)

    def text(self) -> bytes:
        """Return all families as Prometheus reads them."""
        self._sampled_at = -SECONDS_BETWEEN_SAMPLES
        self.sample()
        return generate_latest(self._registry)

    def _child(self, family: Family, labels: tuple[str, ...]) -> Any:
        found = self._children.get((family, labels))
        if found is None:
            metric = self._metrics[family]
            found = metric.labels(*labels) if labels else metric
            self._children[family, labels] = found
        return found

    def _made(self, family: Family) -> Any:
        told: dict[str, Any] = {
            "name": family.name,
            "documentation": family.text,
            "labelnames": family.labels,
            "registry": self._own,
        }
        if isinstance(family, Counter):
            return prometheus_client.Counter(**told)
        if isinstance(family, Histogram):
            return prometheus_client.Histogram(**told, buckets=BUCKETS)
        return prometheus_client.Gauge(**told, multiprocess_mode="livesum")
