"""What one worker holds in memory after 10,000 mixed requests: at most 110 MiB resident."""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.support import started
from tests.support.answers import JSON, Answer
from tests.support.api import PASSWORD, Person
from tests.support.started import ADMIN, Started
from trials import _shared

LIMIT = 110 * _shared.MIB
CLIENTS = 16
PEOPLE = 200
DEEP = b'{"a":' * 200
AS_JSON = {"Content-Type": JSON}
# The cost of a password that ships. Everything else is left as it is, but for the limits.
COMMON = {
    "BCRYPT_ROUNDS": "12",
    "WORKERS": "1",
    "LIMITS": "refresh=1000000/minute,refresh_session=1000000/minute",
    "TRUSTED_PROXIES": "127.0.0.0/8",
}


class Client:
    """Somebody who uses the whole service: now and then they change, fail, or look at a list."""

    def __init__(self, program: Started, person: Person, admin: Person) -> None:
        self._person, self._admin = person, admin
        self._stranger = program.client.at()
        self.answers = Counter[int]()
        # How often in a hundred requests.
        self._actions: list[tuple[int, Callable[[], Answer]]] = [
            (40, lambda: self._person.get("/users/me")),
            (20, lambda: self._admin.get("/users?per_page=100&total=true")),
            (8, self._refresh),
            (8, lambda: self._person.patch("/users/me", {"name": f"Name {random.random()}"})),
            (4, lambda: self._admin.get(f"/users?q=person{random.randrange(100)}")),
            (4, lambda: self._person.get("/audit-events?per_page=20")),
            (4, lambda: self._person.get("/auth/sessions")),
            (3, lambda: self._person.get("/users")),
            (3, lambda: self._stranger.get("/users/me")),
            (2, lambda: self._stranger.bearing("a.b.c").get("/users/me")),
            (1, lambda: self._stranger.post("/users", {"email": "x", "password": "short"})),
            (1, lambda: self._stranger.post("/auth/login", body=DEEP, headers=AS_JSON)),
            (1, lambda: self._stranger.get("/nowhere")),
            (0.8, lambda: self._stranger.request("GET", "/openapi.json")),
            (0.2, lambda: self._stranger.at().try_log_in(self._person.email, PASSWORD)),
        ]

    def work(self, requests: int) -> None:
        """Send that many requests."""
        weights = [weight for weight, _ in self._actions]
        for _, action in random.choices(self._actions, weights, k=requests):
            self.answers[action().status] += 1

    def _refresh(self) -> Answer:
        answer = (
            self._stranger.using(self._person.agent)
            .at(self._person.address)
            .try_refresh(self._person.refresh_token)
        )
        if answer.status == 200:
            tokens = answer.json
            self._person = replace(
                self._person, token=tokens["access_token"], refresh_token=tokens["refresh_token"]
            )
        return answer


def trial(report: _shared.Report, name: str, requests: int, **variables: str) -> None:
    """Run the trial on one database."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        settings = {**ADMIN, **COMMON, **variables}
        with started.serving(Path(home), **settings):
            pass  # the first start makes the database, and is not what runs for long
        _shared.people(Path(home), PEOPLE, **variables)
        program = stack.enter_context(started.serving(Path(home), **settings))
        (worker,) = _shared.children(program.process.pid)
        idle = _shared.memory(worker)
        admin = program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
        clients = [Client(program, program.client.at().sign_up(), admin) for _ in range(CLIENTS)]
        began = time.monotonic()
        threads = [
            threading.Thread(target=client.work, args=(requests // CLIENTS,)) for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        resident, share = _shared.memory(worker)
        same = _shared.children(program.process.pid) == [worker]
    answers = sum((client.answers for client in clients), Counter[int]())
    report.figure(f"{name}: requests", answers.total())
    report.figure(f"{name}: answers", dict(sorted(answers.items())))
    report.figure(f"{name}: requests a second", round(answers.total() / seconds))
    report.figure(f"{name}: before, RSS (PSS)", f"{_shared.mib(idle[0])} ({_shared.mib(idle[1])})")
    report.promise(
        f"{name}: after, RSS (PSS)",
        f"{_shared.mib(resident)} ({_shared.mib(share)})",
        f"RSS <= {_shared.mib(LIMIT)}",
        is_kept=resident <= LIMIT and same and not any(status >= 500 for status in answers),
    )


def main() -> int:
    """Run the trial on SQLite as it ships and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    report = _shared.Report(f"memory: one worker, {CLIENTS} clients at a time")
    with ExitStack() as stack:
        if arguments.only != "postgresql":
            trial(report, "SQLite", arguments.requests)
        if arguments.only != "sqlite":
            url = _shared.postgresql(stack)
            trial(report, "PostgreSQL", arguments.requests, DATABASE_URL=url)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
