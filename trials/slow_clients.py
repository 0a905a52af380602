"""F16, R97: a thousand slow clients before nginx harm nobody; without it few are enough."""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from trials import _load, _proxied, _shared
from trials._asked import Asked, Connection

SLOW = Path(__file__).with_name("_slow.py")
KINDS = ("header", "body", "read")
P99_SECONDS = 0.1
MOST_SECONDS = 3.0
PROBES_A_SECOND = 20
# As docs/security.md says it: gunicorn alone.
DIRECT = (16, 32, 64, 128)


@contextmanager
def slow_clients(how: str, url: str, count: int) -> Iterator[list[int]]:
    """Have that many slow clients during the block; yields how many were connected each second."""
    place = urlsplit(url)
    words = [how, place.hostname or "", str(place.port), str(count)]
    with subprocess.Popen(
        [sys.executable, str(SLOW), *words, *(["tls"] if place.scheme == "https" else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        seen: list[int] = []
        limit = time.monotonic() + 60
        while not seen or (seen[-1] < count * 0.95 and time.monotonic() < limit):
            seen.append(int(process.stdout.readline()))
        try:
            yield seen
        finally:
            process.stdin.close()
            seen += [int(line) for line in process.stdout]


def asked(url: str, seconds: float) -> list[Asked]:
    """Ask for /health at a steady rate; what is late is late by all that it waited."""
    answers, connection = [], Connection(url)
    due = time.monotonic()
    end = due + seconds
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        answer = connection.ask("health", "GET", "/health", wanted=200)
        connection.close()  # a new one each time, as a new visitor has
        answers.append(answer)
        due = max(due + 1 / PROBES_A_SECOND, time.monotonic())
    return answers


def proxied(report: _shared.Report, *, count: int, seconds: float, p99_seconds: float) -> None:
    """Slow clients of every kind before nginx."""
    with ExitStack() as stack:
        front = _proxied.Proxied(stack)
        idle = asked(front.url, min(seconds, 10))
        report.figure("nginx: /health alone, 99 %", _milliseconds(_load.quantile(idle, 0.99)))
        for how in KINDS:
            with slow_clients(how, front.url, count) as seen:
                answers = asked(front.url, seconds)
            p99, most = _load.quantile(answers, 0.99), _load.quantile(answers, 1)
            bad = sum(not answer.is_good for answer in answers)
            # In the first second they still connect.
            report.figure(f"nginx, {how}: slow clients connected, at least", min(seen[1:]))
            report.promise(
                f"nginx, {how}: /health, 99 % and at most",
                f"{_milliseconds(p99)}; {_milliseconds(most)}",
                f"99 % <= {_milliseconds(p99_seconds)}, all < {MOST_SECONDS:.0f} s, none fails",
                is_kept=p99 <= p99_seconds and most < MOST_SECONDS and not bad,
            )


def exposed(report: _shared.Report, *, counts: tuple[int, ...], seconds: float) -> None:
    """Slow clients of an instance itself, as nobody should have it."""
    with ExitStack() as stack:
        front = _proxied.Proxied(stack, instances=1)
        url = f"http://127.0.0.1:{front.instances[0].port}"
        for how in KINDS:
            for count in counts:
                with slow_clients(how, url, count):
                    answers = asked(url, seconds)
                bad = sum(not answer.is_good for answer in answers)
                most = _load.quantile(answers, 1)
                told = f"{_milliseconds(most)} at most, {bad} of {len(answers)} failed"
                report.figure(f"alone, 2 x 24 threads, {count} {how}: /health", told)
                if most >= MOST_SECONDS:
                    break


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def main() -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--p99", type=float, default=P99_SECONDS, help="more on a busy machine")
    parser.add_argument("--only", choices=["nginx", "alone"])
    arguments = parser.parse_args()
    report = _shared.Report(f"slow_clients: {arguments.clients} of each kind")
    if arguments.only != "alone":
        proxied(
            report,
            count=arguments.clients,
            seconds=arguments.seconds,
            p99_seconds=arguments.p99,
        )
    if arguments.only != "nginx":
        most = tuple(count for count in DIRECT if count <= arguments.clients)
        exposed(report, counts=most, seconds=min(arguments.seconds, 10))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
