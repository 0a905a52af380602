"""Which tests judge a mutant, and in which order: the likeliest to notice it come first."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

# Tests of real servers judge code of other processes, which knows no mutant.
REAL = {"live", "servers", "postgres_url", "redis_url"}
# Of a test with more cases that starts the service for each, these are enough here.
CASES = 6
FREE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Known:
    """What the first run has shown about a test."""

    item: pytest.Item
    seconds: float
    breadth: int
    is_by_itself: bool


class Choice:
    """Who reaches which line, and who has noticed which mutants."""

    def __init__(self, seconds: float, verdicts: Path) -> None:
        self._seconds = seconds
        self._visitors: dict[tuple[str, int], list[Known]] = defaultdict(list)
        self._kills: dict[str, Counter[str]] = defaultdict(Counter)
        for line in verdicts.read_text().splitlines():
            verdict = json.loads(line)
            if verdict.get("verdict") == "killed":
                self.note_kill(verdict["name"].partition("__mutmut_")[0], verdict["by"])

    def add(self, item: pytest.Item, seconds: float, lines: dict[str, dict[str, bool]]) -> None:
        """Note which lines of which files a test reaches, by itself or in its fixtures alone."""
        breadth = sum(map(len, lines.values()))
        known = {is_own: Known(item, seconds, breadth, is_own) for is_own in (True, False)}
        for path, numbers in lines.items():
            for number, is_by_itself in numbers.items():
                self._visitors[path, int(number)].append(known[is_by_itself])

    def note_kill(self, function: str, test: str) -> None:
        """Note that a test has noticed a mutant of a function."""
        for like in _likes(function):
            self._kills[like][test] += 1

    def of(self, mutant: dict[str, Any]) -> list[pytest.Item]:
        """Return the tests of a line that fit into the time, those that killed most first.

        Those that cost nothing come before all others. Kills of the same function count most,
        then that not only a fixture reaches it, then what a test has in common with it by name
        (`users/test_rank.py` with `users.rank`), then kills of its module, then any. The rest
        come from every file in turn; within a file those come first that reach little else.
        """
        files: dict[str, list[Known]] = defaultdict(list)
        for known in self._reaching(mutant):
            files[known.item.nodeid.partition("::")[0]].append(known)
        for tests in files.values():
            tests.sort(key=lambda known: (known.breadth, known.seconds))
        by_file = sorted(files.values(), key=lambda tests: tests[0].breadth)
        in_turn = [known for row in zip_longest(*by_file) for known in row if known is not None]
        function, module, everything = _likes(mutant["function"])
        named = _words(mutant["function"])
        in_turn.sort(
            key=lambda known: (
                known.seconds > FREE_SECONDS,
                -self._kills[function][known.item.nodeid],
                not known.is_by_itself,
                -len(named & _words(known.item.nodeid)),
                -self._kills[module][known.item.nodeid],
                -self._kills[everything][known.item.nodeid],
            )
        )
        chosen, seconds = [], 0.0
        for known in in_turn:
            if seconds + known.seconds <= self._seconds or not chosen:
                chosen.append(known.item)
                seconds += known.seconds
        return chosen

    def _reaching(self, mutant: dict[str, Any]) -> list[Known]:
        """Return the tests that reach the changed line, or what is nearest to it.

        An expression of several lines is seen in some of them only, and a signature in none.
        """
        first, last, changed = mutant["lines"]
        for number in (*range(changed, first - 1, -1), *range(changed, last + 1)):
            if found := self._visitors.get((mutant["path"], number)):
                return found
        return []


def fit(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that can judge here, with a few cases of those that have many."""
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not _is_real(item):
            tests[item.nodeid.partition("[")[0]].append(item)
    return [item for cases in tests.values() for item in _some(cases)]


def is_started(item: pytest.Item) -> bool:
    """Tell whether a test starts the service, which costs more than most of what it then does."""
    return "database" in getattr(item, "fixturenames", ())


def _likes(function: str) -> tuple[str, str, str]:
    return function, function.rpartition(".")[0], ""


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall("[a-z]{4,}", name)) - {"tests", "test", "gatehouse", "sqlite"}


def _is_real(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return bool(REAL & set(getattr(item, "fixturenames", ()))) or (
        parameters.get("database") == "postgresql"
    )


def _some(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Return a few of the cases of a test, from the first to the last."""
    if len(cases) <= CASES or not is_started(cases[0]):
        return cases
    return [cases[number * (len(cases) - 1) // (CASES - 1)] for number in range(CASES)]
