"""F9: kill -9 of a worker under load, 50 times, loses no write and repeats no keyed one."""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import urllib3

from tests.support import started
from tests.support.started import ADMIN, Started
from trials import _load, _shared
from trials._retries import Retries

CLIENTS, RATE = 8, 60
MIX = {"sign-up": 2, "log-in": 2, "change": 6, "read": 2}
RESPAWN_SECONDS = 1.0


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


def trial(report: _shared.Report, name: str, arguments: argparse.Namespace, **stores: str) -> None:
    """Run the trial on one database."""
    workers = 2 if stores else 1
    with tempfile.TemporaryDirectory() as home:
        settings = {**ADMIN, **_load.SETTINGS, "WORKERS": str(workers), **stores}
        with started.serving(Path(home), **settings) as program:
            pauses = []
            retries = Retries(program.client.log_in(*ADMIN.values()))
            with _load.running(program.url, clients=CLIENTS, rate=RATE, mix=MIX) as load:
                for _ in range(arguments.kills):
                    time.sleep(random.uniform(0.4, 1.6) * arguments.pause)
                    pauses.append(kill_one(program, workers))
            retries.stop()
            effects = retries.done()
            master_lives = program.process.poll() is None
            _load.promise(report, load, program, name=f"{name}: ")
    report.figure(f"{name}: workers killed", arguments.kills)
    unanswered = sum(not asked.status for asked in load.answers)
    report.figure(f"{name}: requests without an answer", unanswered)
    # Ten at one account died with their processes before the first of these.
    throttled = sum(account.throttled for account in load.accounts)
    report.figure(f"{name}: log-ins throttled for guesses left unjudged", throttled)
    keyed = len(retries.acknowledged)
    report.figure(f"{name}: keyed requests sent again", retries.repeated)
    report.promise(
        f"{name}: effects of {keyed} keyed requests",
        effects,
        str(keyed),
        is_kept=effects == keyed > 0 and not retries.unexpected,
    )
    for text in sorted(retries.unexpected)[:5]:
        print(f"{name}: {text}")
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
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two, about")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    report = _shared.Report(f"kill_workers: {CLIENTS} clients read, sign up, log in, change names")
    with ExitStack() as stack:
        if arguments.only != "postgresql":
            trial(report, "SQLite, 1 worker", arguments)
        if arguments.only != "sqlite":
            stores = {
                "DATABASE_URL": _shared.postgresql(stack),
                "REDIS_URL": _shared.redis(stack),
            }
            trial(report, "PostgreSQL, 2 workers", arguments, **stores)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
