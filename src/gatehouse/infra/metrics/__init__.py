"""Metrics: what is counted for the holder of METRICS_TOKEN; without one nothing is.

Whoever counts names a family, declares it, and counts by it:

    LOGINS = Counter("gatehouse_logins_total", "Log-ins by outcome.", ("outcome",))
    metrics.count(LOGINS, "succeeded")

A gauge is either *watched*, read about once a second in every process and summed over those that
live, or *asked* for at a scrape, because one answer stands for all processes. A label takes values
of a small, known set only: never a name, an address, an id or anything else that a client chose.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from flask import Flask, current_app

from gatehouse.core.errors import Refusal
from gatehouse.infra.metrics.families import (
    Counter,
    Family,
    Gauge,
    Histogram,
    NullMetrics,
    Read,
    Reading,
)
from gatehouse.settings import Settings

__all__ = [
    "CONTENT_TYPE",
    "SUCCEEDED",
    "Counter",
    "Family",
    "Gauge",
    "Histogram",
    "NullMetrics",
    "Read",
    "Reading",
    "count",
    "init_app",
    "of",
    "outcome_of",
]

EXTENSION = "gatehouse.metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SUCCEEDED = "succeeded"


SILENT = NullMetrics()


def init_app(app: Flask, settings: Settings) -> None:
    """Choose once whether `app` counts; the library is loaded only where it does."""
    if settings.metrics_token is None:
        app.extensions[EXTENSION] = SILENT
    else:
        app.extensions[EXTENSION] = import_module("gatehouse.infra.metrics.kept").Metrics(app)


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
