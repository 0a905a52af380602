"""R44: 2,000 failed log-ins of each kind cannot be told apart by their time (ROC 0.45-0.55)."""

import argparse
import statistics
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path

from tests.support import started
from tests.support.api import PASSWORD, Person, new_email
from tests.support.started import ADMIN, Started
from trials import _shared

WRONG = "a wrong Password of tests"
# Below the number of failures that are free, so that no account is throttled.
TRIES = 8
MARGIN = 0.05
NO_LIMITS = ",".join(f"{name}=1000000/minute" for name in ("login", "login_failures"))


def area_under_curve(some: list[float], others: list[float]) -> float:
    """Return how often one of the first took longer than one of the second: 0.5 tells nothing."""
    ranked = sorted(others)
    wins = sum(bisect_left(ranked, one) + bisect_right(ranked, one) for one in some) / 2
    return wins / (len(some) * len(others))


def names(admin: Person, count: int) -> dict[str, list[str]]:
    """Return names of each kind: of nobody, of people, and of people who were shut out."""

    def account(**members: object) -> str:
        body = {"email": new_email(), "password": PASSWORD, **members}
        return str(admin.post("/users", body).expect(201).json["email"])

    return {
        "unknown": [new_email() for _ in range(count)],
        "wrong": [account() for _ in range(count)],
        "inactive": [account(is_active=False) for _ in range(count)],
    }


def measure(program: Started, found: dict[str, list[str]], samples: int) -> dict[str, list[float]]:
    """Return the seconds of failed log-ins, in turns: a slow moment meets every kind."""
    took: dict[str, list[float]] = {kind: [] for kind in found}
    for number in range(samples):
        for kind, emails in found.items():
            body = {"username": emails[number % len(emails)], "password": WRONG}
            stranger = program.client.at()
            began = time.perf_counter()
            answer = stranger.post("/auth/login", body)
            took[kind].append(time.perf_counter() - began)
            answer.expect(401, "invalid_credentials")
    return took


def main() -> int:
    """Run the trial on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000, help="log-ins of each kind")
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="BCRYPT_ROUNDS; few make the trial quick, and what is not hashing easier to see",
    )
    arguments = parser.parse_args()
    title = f"timing: {arguments.samples:,} failed log-ins of each kind, BCRYPT_ROUNDS"
    report = _shared.Report(f"{title}={arguments.rounds} (it ships with 12)")
    with ExitStack() as stack:
        settings = {
            **ADMIN,
            "DATABASE_URL": _shared.postgresql(stack),
            "WORKERS": "1",
            "BCRYPT_ROUNDS": str(arguments.rounds),
            "LIMITS": NO_LIMITS,
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "LOG_LEVEL": "ERROR",
        }
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        admin = program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
        found = names(admin, -(-arguments.samples // TRIES))
        took = measure(program, found, arguments.samples)
    for kind, seconds in took.items():
        report.figure(f"{kind}: median", f"{statistics.median(seconds) * 1000:.2f} ms")
    # With few samples chance alone leaves the band of a release.
    margin = max(MARGIN, 1.65 * arguments.samples**-0.5)
    for one, other in combinations(took, 2):
        area = area_under_curve(took[one], took[other])
        report.promise(
            f"{one} against {other}: area under the curve",
            f"{area:.3f}",
            f"{0.5 - margin:.2f} to {0.5 + margin:.2f}",
            is_kept=abs(area - 0.5) <= margin,
        )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
