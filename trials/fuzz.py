"""A million requests on SQLite and PostgreSQL: no answer 5xx, no finding.

Each round is one of schemathesis with all its checks, and then many variations of what it sent.
"""

import argparse
import gc
import multiprocessing
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests import servers
from tests.fuzz import engine
from tests.fuzz.engine import Round
from tests.fuzz.tally import Tally
from tests.support import memory
from tests.support.databases import PostgreSql, Sqlite, application
from tests.support.environment import settings
from trials import _shared

MILLION = 1_000_000


def one_round(kind: str, wanted: Round, shared: dict[str, str]) -> Tally:
    """Run one round in a process of its own, on an empty database."""
    # What was imported is no rubbish: the collector need not look at it every few requests.
    gc.freeze()
    gc.set_threshold(10_000)
    with tempfile.TemporaryDirectory(dir=memory.place()) as directory, ExitStack() as stack:
        template, home = Path(directory, "template"), Path(directory, "home")
        template.mkdir()
        home.mkdir()
        database: Sqlite | PostgreSql
        variables = dict(engine.SETTINGS)
        if kind == Sqlite.name:
            database = Sqlite(template)
        else:
            database = PostgreSql(template, shared["postgres"])
            variables["REDIS_URL"] = shared["redis"]
        stack.callback(database.close)
        found = settings(home, stack.enter_context(database.copy(home)), **variables)
        return engine.run(stack.enter_context(application(found)), wanted)


class Trial:
    """Two lines of rounds, one a database, until together they have sent enough."""

    def __init__(self, requests: int, first: Round, shared: dict[str, str]) -> None:
        self.tally = Tally()
        self._wanted = requests
        self._first = first
        self._shared = shared
        self._lock = threading.Lock()

    def run(self) -> None:
        """Run both lines to their end."""
        lines = [
            threading.Thread(target=self._line, args=(kind,))
            for kind in (Sqlite.name, PostgreSql.name)
        ]
        for line in lines:
            line.start()
        for line in lines:
            line.join()

    def _line(self, kind: str) -> None:
        context = multiprocessing.get_context("spawn")
        # A process a round: what schemathesis keeps for good goes with it.
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            for seed in self._seeds():
                wanted = replace(self._first, seed=seed)
                tally = pool.submit(one_round, kind, wanted, self._shared).result()
                self._note(kind, seed, tally)

    def _seeds(self) -> Iterator[int]:
        for seed in count(self._first.seed):
            if self.tally.requests >= self._wanted:
                return
            yield seed

    def _note(self, kind: str, seed: int, tally: Tally) -> None:
        with self._lock:
            for name, told in tally.findings.items():
                if name not in self.tally.findings:
                    print(f"\nFOUND on {kind}, seed {seed}: {name}\n{told}\n")
            self.tally.add(tally)
            print(f"{kind:<10} seed {seed:<4} {tally}; {self.tally.requests:,} so far", flush=True)


def main() -> int:
    """Run the trial and say what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=MILLION)
    parser.add_argument("--examples", type=int, default=40, help="of chance, each operation")
    parser.add_argument("--variations", type=int, default=40_000, help="that follow, each round")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; goes on from it")
    chosen = parser.parse_args()
    report = _shared.Report(f"fuzz: {chosen.requests:,} requests on SQLite and PostgreSQL")
    with ExitStack() as stack:
        postgres, redis = (servers.find(name, stack).url for name in ("PostgreSQL", "Redis"))
        shared = {"postgres": postgres, "redis": redis}
        first = Round(chosen.examples, chosen.seed, variations=chosen.variations)
        trial = Trial(chosen.requests, first, shared)
        trial.run()
    tally = trial.tally
    for digit in (2, 3, 4):
        report.figure(f"answers {digit}xx", tally.of_class(digit))
    report.figure("of schemathesis, judged by all its checks", tally.requests - tally.varied)
    report.figure("variations, judged by the description", tally.varied)
    report.figure("requests a processor second", round(tally.requests / tally.processor_seconds))
    report.figure("log-ins", tally.log_ins)
    enough = tally.requests >= chosen.requests
    report.promise("requests", tally.requests, f">= {chosen.requests:,}", is_kept=enough)
    for what, value in {
        "answers 5xx": tally.of_class(5),
        "findings": len(tally.findings),
        "operations that never succeeded": len(tally.never_succeeded()),
    }.items():
        report.promise(what, value, "0", is_kept=not value)
    for line in tally.never_succeeded():
        print(line)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
