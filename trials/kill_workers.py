"""F9: kill -9 of a worker under load, 50 times, loses no acknowledged write."""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import urllib3

from tests.support import started
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.started import ADMIN, Started
from trials import _shared

CLIENTS = 8
CHANGES = 3
WRITES = ("sign-ups", "log-ins", "changes")
RESPAWN_SECONDS = 1.0
SHOWN = 5
NO_LIMITS = ",".join(f"{name}=1000000/minute" for name in ("sign_up", "login", "login_failures"))
COMMON = {"LIMITS": NO_LIMITS, "LOG_LEVEL": "ERROR", "TRUSTED_PROXIES": "127.0.0.0/8"}


class Account:
    """What one client was promised about one person, and what it asked for in vain."""

    def __init__(self, email: str) -> None:
        self.email = email
        self.id: str | None = None
        self.name: str | None = None
        self.maybe: set[str | None] = set()
        self.tokens: list[str] = []


class Clients:
    """People who sign up, log in and change their name, and remember what was acknowledged."""

    def __init__(self, client: Api) -> None:
        self.accounts: list[Account] = []
        self.counted = Counter[str]()
        self.unexpected: set[str] = set()
        self._client = client
        self._lock = threading.Lock()
        self._is_stopping = False
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish its request."""
        self._is_stopping = True
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._is_stopping:
            account = Account(new_email())
            self.accounts.append(account)
            try:
                self._live(account, self._client.at())
            except urllib3.exceptions.HTTPError:
                # Killed before it answered: the write may be there or not, nothing was promised.
                self._count("unanswered")
                time.sleep(0.01)
            except AssertionError as error:
                self.unexpected.add(str(error))

    def _live(self, account: Account, client: Api) -> None:
        body = {"email": account.email, "password": PASSWORD}
        account.id = client.post("/users", body).expect(201).json["id"]
        self._count("sign-ups")
        token = client.try_log_in(account.email).expect(200).json["access_token"]
        account.tokens.append(token)
        self._count("log-ins")
        for number in range(CHANGES):
            name = f"Name {number}"
            account.maybe.add(name)
            client.bearing(token).patch("/users/me", {"name": name}).expect(200)
            account.maybe.clear()
            account.name = name
            self._count("changes")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counted[what] += 1


def kill_one(program: Started, wanted: int) -> tuple[float, float]:
    """Kill a random worker; return the seconds to its successor and to a good answer."""
    master = program.process.pid
    while len(before := _shared.children(master)) < wanted:
        time.sleep(0.005)
    os.kill(random.choice(before), signal.SIGKILL)
    killed = time.monotonic()
    while not set(_shared.children(master)) - set(before):
        time.sleep(0.005)
    respawned = time.monotonic() - killed
    while True:
        try:
            program.client.request("GET", "/health").expect(200)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.005)
        else:
            return respawned, time.monotonic() - killed


def lost(client: Api, admin: Person, accounts: list[Account]) -> list[str]:
    """Read everything back over HTTP and return what was promised and is not there."""
    missing = []
    for account in accounts:
        if account.id is None:
            continue
        answer = admin.get(f"/users/{account.id}")
        if answer.status != 200 or answer.json["email"] != account.email:
            missing.append(f"sign-up of {account.email}")
        elif answer.json["name"] not in {account.name, *account.maybe}:
            missing.append(f"name of {account.email}: {answer.json['name']}, not {account.name}")
        for token in account.tokens:
            if client.bearing(token).get("/users/me").status != 200:
                missing.append(f"session of {account.email}")
    return missing


def torn(client: Api, accounts: list[Account]) -> list[str]:
    """Return the sign-ups without an answer that are neither whole nor absent."""
    found = []
    for account in accounts:
        if account.id is None:
            answer = client.at().try_log_in(account.email)
            if answer.status == 200:
                person = client.bearing(answer.json["access_token"]).get("/users/me")
                if person.status != 200 or person.json["roles"] != ["user"]:
                    found.append(account.email)
            elif answer.status != 401:
                found.append(str(answer))
    return found


def trial(report: _shared.Report, name: str, kills: int, workers: int, **variables: str) -> None:
    """Run the trial on one database."""
    with tempfile.TemporaryDirectory() as home:
        settings = {**ADMIN, **COMMON, "WORKERS": str(workers), **variables}
        with started.serving(Path(home), **settings) as program:
            clients = Clients(program.client)
            pauses = []
            for _ in range(kills):
                time.sleep(random.uniform(0.2, 0.8))
                pauses.append(kill_one(program, workers))
            clients.stop()
            master_lives = program.process.poll() is None
            admin = program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
            missing = lost(program.client, admin, clients.accounts)
            halves = torn(program.client, clients.accounts)
    for text in [*missing[:SHOWN], *halves[:SHOWN], *sorted(clients.unexpected)[:SHOWN]]:
        print(f"{name}: {text}")
    report.figure(f"{name}: workers killed", kills)
    for what in WRITES:
        report.figure(f"{name}: {what} acknowledged", clients.counted[what])
    report.figure(f"{name}: requests without an answer", clients.counted["unanswered"])
    has_worked = all(clients.counted[what] > kills for what in WRITES)
    report.promise(
        f"{name}: acknowledged writes lost", len(missing), "0", is_kept=not missing and has_worked
    )
    report.promise(f"{name}: half-made accounts", len(halves), "0", is_kept=not halves)
    errors = len(clients.unexpected)
    report.promise(f"{name}: wrong answers", errors, "0", is_kept=not errors)
    respawns, answers = (sorted(column) for column in zip(*pauses, strict=True))
    median = respawns[len(respawns) // 2]
    report.promise(
        f"{name}: seconds to a new worker (median; at most)",
        f"{median:.2f}; {respawns[-1]:.2f}",
        f"median < {RESPAWN_SECONDS:.0f}",
        is_kept=median < RESPAWN_SECONDS and master_lives,
    )
    report.figure(
        f"{name}: seconds to a good answer (median; at most)",
        f"{answers[len(answers) // 2]:.2f}; {answers[-1]:.2f}",
    )


def main() -> int:
    """Run the trial on SQLite and on PostgreSQL with Redis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    report = _shared.Report(f"kill_workers: {CLIENTS} clients sign up, log in and change names")
    with ExitStack() as stack:
        if arguments.only != "postgresql":
            trial(report, "SQLite, 1 worker", arguments.kills, 1)
        if arguments.only != "sqlite":
            stores = {
                "DATABASE_URL": _shared.postgresql(stack),
                "REDIS_URL": _shared.redis(stack),
            }
            trial(report, "PostgreSQL, 2 workers", arguments.kills, 2, **stores)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
