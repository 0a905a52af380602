"""F9: kill -9 of a worker under load, 50 times, loses no acknowledged write."""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import urllib3

from tests import servers
from tests.support import started
from tests.support.api import PASSWORD, Api, new_email
from tests.support.started import ADMIN, Started

CLIENTS = 8
LIMITS = "sign_up=1000000/minute,login=1000000/minute"


class Writers:
    """Clients that sign up people and remember which sign-ups were acknowledged."""

    def __init__(self, client: Api) -> None:
        self.client = client
        self.acknowledged: dict[str, str] = {}
        self.unanswered = 0
        self.unexpected: set[str] = set()
        self.is_stopping = False
        self.threads = [threading.Thread(target=self._write) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _write(self) -> None:
        while not self.is_stopping:
            email = new_email()
            try:
                answer = self.client.post("/users", {"email": email, "password": PASSWORD})
            except urllib3.exceptions.HTTPError:
                # Killed before it answered: the row may be there or not, but nothing was promised.
                self.unanswered += 1
            except AssertionError as error:
                self.unexpected.add(str(error))
            else:
                if answer.status == 201:
                    self.acknowledged[answer.json["id"]] = email
                else:
                    self.unexpected.add(str(answer))

    def stop(self) -> None:
        """Let every client finish its request."""
        self.is_stopping = True
        for thread in self.threads:
            thread.join()


def workers(program: Started) -> list[int]:
    """Return the processes that serve."""
    pid = program.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_one(program: Started) -> float:
    """Kill a worker and return the seconds until another process has taken its place."""
    before = workers(program)
    os.kill(random.choice(before), signal.SIGKILL)
    killed = time.monotonic()
    while len(set(workers(program)) - set(before)) == 0:
        time.sleep(0.01)
    while True:
        try:
            program.client.request("GET", "/health").expect(200)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.01)
        else:
            return time.monotonic() - killed


def lost(program: Started, acknowledged: dict[str, str]) -> list[str]:
    """Return the acknowledged people that the service does not know as they were."""
    admin = program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
    missing = []
    for user_id, email in acknowledged.items():
        answer = admin.get(f"/users/{user_id}")
        if answer.status != 200 or answer.json["email"] != email:
            missing.append(email)
    return missing


def trial(name: str, kills: int, **variables: str) -> bool:
    """Run the trial on one database, print what happened, and tell whether nothing was lost."""
    with tempfile.TemporaryDirectory() as home:
        settings = {**ADMIN, "LIMITS": LIMITS, "LOG_LEVEL": "ERROR", **variables}
        with started.serving(Path(home), **settings) as program:
            writers = Writers(program.client)
            pauses = []
            for _ in range(kills):
                time.sleep(random.uniform(0.2, 1.0))
                pauses.append(kill_one(program))
            writers.stop()
            missing = lost(program, writers.acknowledged)
    print(
        f"{name}: {kills} kills, {len(writers.acknowledged)} sign-ups acknowledged, "
        f"{len(missing)} lost, {writers.unanswered} unanswered, "
        f"other answers: {sorted(writers.unexpected) or 'none'}, "
        f"back after {sum(pauses) / kills:.2f} s on average, {max(pauses):.2f} s at most"
    )
    return bool(writers.acknowledged) and not missing and not writers.unexpected


def main() -> int:
    """Run the trial on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    kills = parser.parse_args().kills
    with ExitStack() as stack:
        is_whole = trial("SQLite", kills)
        admin = servers.find("PostgreSQL", stack).url
        name = f"trial_{os.getpid()}"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            stack.callback(_drop, admin, name)
        url = f"{admin.rpartition('/')[0]}/{name}"
        is_whole &= trial("PostgreSQL", kills, DATABASE_URL=url, WORKERS="2")
    print("passed" if is_whole else "FAILED")
    return 0 if is_whole else 1


def _drop(admin: str, name: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main())
