"""Gauges that are asked for at a scrape: of the database, which may be away or very slow."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from flask import Flask
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gatehouse.infra.metrics.families import Gauge, Read, Reading

SCRAPE_ERRORS = Gauge(
    "gatehouse_scrape_errors", "1 where a source gave no answer to this scrape.", ("source",)
)
LONGEST_SECONDS = 3.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question to a source; `found` has its readings once it has answered."""

    thread: threading.Thread
    until: float
    found: list[list[Reading]]


class Asked(Collector):
    """Asks every source, each for a bounded time; a scrape tells what it got and what it did not.

    A source that hangs keeps one thread. It is asked again once that has come back. Scrapes that
    come meanwhile share its answer, within the time that began with the first.
    """

    def __init__(self, app: Flask) -> None:
        self.sources: list[tuple[str, tuple[Gauge, ...], Read]] = []
        self._app = app
        self._asking: dict[str, _Asking] = {}
        self._lock = threading.Lock()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges of all sources."""
        errors = _family(SCRAPE_ERRORS)
        for source, gauges, read in self.sources:
            readings = self._answer(source, read)
            errors.add_metric((source,), readings is None)
            for gauge in gauges:
                family = _family(gauge)
                for reading in readings or ():
                    if reading.gauge == gauge:
                        family.add_metric(reading.labels, reading.value)
                yield family
        yield errors

    def _answer(self, source: str, read: Read) -> list[Reading] | None:
        with self._lock:
            asking = self._asking.get(source)
            if asking is None or not asking.thread.is_alive():
                asking = self._asking[source] = self._ask(source, read)
        asking.thread.join(max(0.0, asking.until - time.monotonic()))
        return asking.found[0] if asking.found else None

    def _ask(self, source: str, read: Read) -> _Asking:
        found: list[list[Reading]] = []

        def ask() -> None:
            try:
                with self._app.app_context():
                    found.append(list(read()))
            except Exception as error:  # whatever it is, it must not cost all the other families
                logger.warning("not_measured", source=source, error=type(error).__name__)

        thread = threading.Thread(target=ask, name=f"ask-{source}", daemon=True)
        thread.start()
        return _Asking(thread, time.monotonic() + LONGEST_SECONDS, found)


def _family(gauge: Gauge) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)
