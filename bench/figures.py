"""Medians over the rounds of a run, by workload and service."""

import statistics
from collections.abc import Mapping
from typing import Any


class Figures:
    """What was measured, as the report and the plots ask for it."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self._found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for one in facts["measures"]:
            self._found.setdefault((one["workload"], one["service"]), []).append(one)

    def services(self, workload: str) -> list[str]:
        """Return who was measured in a workload, in order."""
        return [service for found, service in self._found if found == workload]

    def has(self, workload: str, service: str = "gatehouse") -> bool:
        """Tell whether something was measured."""
        return (workload, service) in self._found

    def all(self, workload: str, service: str, key: str) -> list[Any]:
        """Return a figure of every round."""
        return [one[key] for one in self._found.get((workload, service), []) if key in one]

    def median(self, workload: str, service: str, key: str) -> float | None:
        """Return the median of the rounds, None where nothing was measured."""
        found = self.all(workload, service, key)
        return statistics.median(found) if found else None

    def ratio(self, workload: str, key: str, *, of: str, to: str) -> float | None:
        """Return how the medians of two services compare."""
        one, other = self.median(workload, of, key), self.median(workload, to, key)
        return one / other if one is not None and other else None

    def title(self, service: str) -> str:
        """Return what people call a service."""
        return "bcrypt alone" if service == "bcrypt" else str(self.facts["titles"][service])

    def cases(self) -> list[str]:
        """Return what was asked at both sizes of the database."""
        found = self.services("scale")
        return [name.removesuffix(" small") for name in found if name.endswith(" small")]
