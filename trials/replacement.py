"""F12: instances replaced under load lose nothing; what HUP to a single one does is measured."""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack

from trials import _load, _proxied, _shared
from trials._asked import Asked

RATE = 200
CLIENTS = 60
# 70 % of it changes nothing; sign-ups and log-ins are POSTs that nobody may send twice.
MIX = {"read": 60, "health": 10, "change": 15, "sign-up": 8, "log-in": 7}
PAUSE_SECONDS = 1.0


def failures(answers: list[Asked]) -> list[Asked]:
    """Return what was not answered as it should be."""
    return [asked for asked in answers if not asked.is_good]


def told(report: _shared.Report, name: str, load: _load.Load, lost: list[str]) -> None:
    """Add the figures of a load."""
    for text in [*lost[:5], *load.wrong[:5]]:
        print(f"{name}: {text}")
    report.figure(f"{name}: requests", len(load.answers))
    report.figure(f"{name}: answers", _load.counts(load.answers))
    report.figure(f"{name}: not sent, because every client waited", load.skipped)
    p50, p99 = (_load.quantile(load.answers, share) * 1000 for share in (0.5, 0.99))
    report.figure(f"{name}: milliseconds, median and 99 %", f"{p50:.0f}; {p99:.0f}")


def replaced(report: _shared.Report, *, replacements: int, requests: int, rate: float) -> None:
    """Replace one of two instances, then the other, as often as wanted."""
    with ExitStack() as stack:
        proxied = _proxied.Proxied(stack)
        with _load.running(proxied.url, clients=CLIENTS, rate=rate, mix=MIX) as load:
            for number in range(replacements):
                time.sleep(PAUSE_SECONDS)
                proxied.replace(number % 2)
            while len(load.answers) < requests:
                time.sleep(0.2)
        lost = load.lost(proxied.admin())
    told(report, "replaced", load, lost)
    bad = failures(load.answers)
    unanswered = [asked for asked in bad if not asked.status]
    errors = [asked for asked in bad if asked.status >= 500]
    report.figure("replaced: replacements", replacements)
    report.promise("replaced: requests lost", len(unanswered), "0", is_kept=not unanswered)
    report.promise("replaced: 5xx", len(errors), "0", is_kept=not errors)
    report.promise("replaced: other wrong answers", len(load.wrong), "0", is_kept=not load.wrong)
    report.promise("replaced: acknowledged writes gone", len(lost), "0", is_kept=not lost)


def hung_up(report: _shared.Report, *, signals: int, rate: float) -> None:
    """Send HUP to an instance that is alone: its workers end and others come."""
    with ExitStack() as stack:
        proxied = _proxied.Proxied(stack, instances=1)
        master = proxied.instances[0].process.pid
        with _load.running(proxied.url, clients=CLIENTS, rate=rate, mix=MIX) as load:
            for _ in range(signals):
                time.sleep(PAUSE_SECONDS)
                before = set(_shared.children(master))
                os.kill(master, signal.SIGHUP)
                limit = time.monotonic() + 60
                while before & set(_shared.children(master)) and time.monotonic() < limit:
                    time.sleep(0.05)
        lost = load.lost(proxied.admin())
    told(report, "HUP", load, lost)
    report.figure("HUP: signals", signals)
    report.figure("HUP: requests without a good answer", len(failures(load.answers)))
    report.promise("HUP: acknowledged writes gone", len(lost), "0", is_kept=not lost)


def main() -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replacements", type=int, default=20)
    parser.add_argument("--requests", type=int, default=20_000, help="at least; 100000 take 500 s")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--hups", type=int, default=20)
    parser.add_argument("--only", choices=["replaced", "hup"])
    arguments = parser.parse_args()
    report = _shared.Report(
        f"replacement: {arguments.rate:.0f} requests a second through nginx, {CLIENTS} clients"
    )
    if arguments.only != "hup":
        replaced(
            report,
            replacements=arguments.replacements,
            requests=arguments.requests,
            rate=arguments.rate,
        )
    if arguments.only != "replaced":
        hung_up(report, signals=arguments.hups, rate=arguments.rate)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
