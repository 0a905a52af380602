"""F4, F5: Redis is killed, hangs, or cannot be reached: people go on, and nobody waits for it."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.support import started
from tests.support.api import new_email
from tests.support.started import ADMIN, Started
from trials import _load, _shared
from trials._redis import Redis, seconds_until_shared

CLIENTS, RATE = 16, 40
MIX = {"read": 70, "change": 10, "sign-up": 5, "log-in": 15}
WRONG = "a wrong Password of tests"
GUESSES = 150
ADDED_SECONDS = 0.05
KNOWN_AFTER_SECONDS = 2.0
RECOVERED_SECONDS = 5.0
# Below this twice as long is chance: the load generator's own threads take turns.
TICK_SECONDS = 0.005


def judged(program: Started, guesses: int) -> int:
    """Guess at one account from as many addresses; return how many guesses were judged."""
    account = program.client.at().sign_up()

    def guess(_: int) -> int:
        return program.client.at().try_log_in(account.email, WRONG).status

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(guess, range(guesses)))
    assert set(answers) <= {401, 429}, set(answers)
    return answers.count(401)


def fault(
    report: _shared.Report,
    name: str,
    program: Started,
    redis: Redis,
    *,
    injected: Callable[[], AbstractContextManager[None]],
    seconds: float,
    slack: float,
) -> None:
    """Measure idle, then with the fault, then until Redis is used again."""
    url = f"http://127.0.0.1:{program.port}"
    with _load.running(url, clients=CLIENTS, rate=RATE, mix=MIX) as load:
        time.sleep(1)
        idle_from = time.monotonic()
        time.sleep(seconds)
        began = time.monotonic()
        with injected():
            time.sleep(seconds)
            known_until = time.monotonic()
            guessed = judged(program, GUESSES)
        back = time.monotonic()
        recovered = seconds_until_shared(url, redis)
        time.sleep(1)
    during = load.between(began, back)
    errors = [asked for asked in load.between(began) if asked.status >= 500 or not asked.status]
    report.figure(f"{name}: answers while it lasted", _load.counts(during))
    report.promise(f"{name}: 5xx and broken", len(errors), "0", is_kept=not errors)
    report.promise(f"{name}: wrong answers", len(load.wrong), "0", is_kept=not load.wrong)
    report.promise(
        f"{name}: guesses judged of {GUESSES} at one account",
        guessed,
        "<= 100",
        is_kept=0 < guessed <= 100,
    )
    for kind in ("read", "log-in"):
        idle = _load.quantile(load.between(idle_from, began, kind=kind), 0.99)
        down = _load.quantile(load.between(began, known_until, kind=kind), 0.99)
        added = down - idle
        report.promise(
            f"{name}: p99 of {kind}, idle and with the fault",
            f"{idle * 1000:.1f} and {down * 1000:.1f} ms",
            "+ <= 50 ms",
            is_kept=added <= slack * ADDED_SECONDS,
        )
    idle = _load.quantile(load.between(idle_from, began, kind="read"), 0.99)
    since = began + KNOWN_AFTER_SECONDS
    after = _load.quantile(load.between(since, known_until, kind="read"), 0.99)
    report.promise(
        f"{name}: p99 of GET me once it is known (after 2 s)",
        f"{after * 1000:.1f} ms",
        "<= 2 x idle",
        is_kept=after <= 2 * slack * max(idle, TICK_SECONDS),
    )
    report.promise(
        f"{name}: seconds until it is used again",
        f"{recovered:.1f}",
        "<= 5",
        is_kept=recovered <= slack * RECOVERED_SECONDS,
    )


def main() -> int:
    """Run the trial on PostgreSQL with two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="of each phase")
    parser.add_argument("--only", choices=["killed", "stopped", "swallowed"])
    parser.add_argument("--slack", type=float, default=1, help="how much slower a busy machine is")
    arguments = parser.parse_args()
    report = _shared.Report(f"redis_down: {RATE} requests a second on two workers")
    with ExitStack() as stack:
        redis = Redis(stack)
        settings = {
            **ADMIN,
            **_load.SETTINGS,
            "DATABASE_URL": _shared.postgresql(stack),
            "REDIS_URL": redis.url,
            "WORKERS": "2",
            "THREADS": "40",
        }
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        program.client.at().try_log_in(new_email(), WRONG)
        for name, injected in (
            ("killed", redis.killed),
            ("stopped", redis.stopped),
            ("swallowed", redis.swallowed),
        ):
            if arguments.only in (None, name):
                fault(
                    report,
                    name,
                    program,
                    redis,
                    injected=injected,
                    seconds=arguments.seconds,
                    slack=arguments.slack,
                )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
