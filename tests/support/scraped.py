"""What a scrape of /metrics says, as numbers."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import Api

TOKEN = "what-only-these-tests-know"
ON = {"METRICS_TOKEN": TOKEN}


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of one scrape, and its text."""

    text: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all series of a name that have these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (found, given), value in self.samples.items()
            if found == name and wanted <= given
        )

    def labels(self, name: str, label: str) -> set[str]:
        """Return every value that a label has in the series of a name."""
        return {dict(given)[label] for found, given in self.samples if found == name}


def scrape(client: Api) -> Scrape:
    """Ask the service as Prometheus does."""
    answer = client.bearing(TOKEN).request("GET", "/metrics").expect(200)
    return read(answer.content.decode())


def read(text: str) -> Scrape:
    """Read the text of a scrape."""
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Scrape(text, samples)


def wait_for(read: Callable[[], float], value: float) -> bool:
    """Tell whether a number comes to a value within a few heartbeats."""
    deadline = time.monotonic() + 20
    while read() != value:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
