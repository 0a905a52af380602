"""`python -m bench`: starts the services, measures them in turn, writes the table and the plots."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench import data, flood, gatehouse, machine, report, scale, services, weight, workloads
from bench.run import Plan, Run, say
from tests.servers.server import ROOT
from tests.support import smtp_sink

PARTS: dict[str, Callable[[Run], None]] = {
    "weight": weight.weight,
    "w1": workloads.me,
    "w2": workloads.page,
    "w3": workloads.log_in,
    "w4": workloads.sign_up,
    "w5": workloads.stall,
    "w6": scale.deep,
    "scale": scale.sizes,
    "embedded": weight.embedded,
    "flood": flood.flood,
}
QUICK = ("weight", "w1", "w2", "w3", "w5", "w6")
MADE = ROOT / "build" / "bench"


def main() -> int:
    """Run what was asked for; return 1 where something is missing, or a part has failed."""
    given = arguments()
    if machine.wrk() is None:
        say("wrk is not installed; Debian and Ubuntu: apt install wrk")
        return 1
    sys.setswitchinterval(0.0005)  # threads here time others: none may wait for its turn
    began = time.monotonic()
    with ExitStack() as stack:
        run, failed = prepared(plan(given), stack), list[str]()
        for name in run.plan.parts:
            say(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}")
            try:
                PARTS[name](run)
            except Exception:  # the others are worth their time
                traceback.print_exc()
                failed.append(name)
        facts = {
            "machine": machine.describe(),
            "database": data.settings(run.databases.create()),
            "servers": run.databases.labels,
            "speed": run.calibration.describe(),
            "titles": {name: one.title for name, one in run.services.items()},
            "plan": {**asdict(run.plan), "minutes": round((time.monotonic() - began) / 60, 1)},
            "measures": run.measures,
        }
    publish(facts, is_whole=run.plan.is_whole and not failed)
    if failed:
        say(f"failed: {', '.join(failed)}; docs/ is as it was")
    return 1 if failed else 0


def publish(facts: dict[str, Any], *, is_whole: bool) -> None:
    """Keep what was measured, and draw it; only a whole run changes docs/."""
    page = ROOT / "docs" / "benchmark.md"
    plots = page.with_suffix("") if is_whole else MADE / "benchmark"
    MADE.mkdir(parents=True, exist_ok=True)
    results = MADE / "results.json"
    results.write_text(json.dumps(facts, indent=1))
    subprocess.run(
        [machine.PEERS_PYTHON, "-m", "bench.plots", results, plots], cwd=ROOT, check=True
    )
    written = report.text(facts, plots=plots)
    (MADE / "report.md").write_text(written)
    print(written)
    if is_whole:
        report.write(page, written)
    say(f"{results}{f' and {page}' if is_whole else ''}")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: 3 minutes")
    parser.add_argument("--only", default="", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--seconds", type=float, help="how long each time")
    parser.add_argument("--many", type=int, help="people in the large database")
    parser.add_argument(
        "--patience", type=float, help="seconds of waiting and repeating while the machine is slow"
    )
    return parser.parse_args(words)


def plan(given: argparse.Namespace) -> Plan:
    """Return how much to measure; what the command line says counts, then whether it is quick."""
    parts = tuple(filter(None, given.only.split(","))) or (QUICK if given.quick else tuple(PARTS))
    if unknown := set(parts) - PARTS.keys():
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; {', '.join(PARTS)}")
    usual = Plan(
        rounds=2 if given.quick else 5,
        seconds=1.5 if given.quick else 5.0,
        login_rounds=1 if given.quick else 5,
        login_seconds=3.0 if given.quick else 6.0,
        people=10_000,
        many=30_000 if given.quick else 1_000_000,
        parts=parts,
        is_whole=not given.quick and parts == tuple(PARTS),
        patience=5.0 if given.quick else 180.0,
    )
    said = {
        "rounds": given.rounds,
        "login_rounds": given.rounds,
        "seconds": given.seconds,
        "login_seconds": given.seconds,
        "many": given.many,
        "patience": given.patience,
    }
    return replace(usual, **{name: value for name, value in said.items() if value is not None})


def prepared(plan: Plan, stack: ExitStack) -> Run:
    """Return a run with its databases filled and its services known; none is started yet."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatehouse-bench-")))
    databases = data.Databases(stack)
    say(f"measuring on {', '.join(databases.labels)}")
    mail = stack.enter_context(smtp_sink.serving(smtp_sink.Sink()))
    ours = gatehouse.production(
        home / "gatehouse", databases.create(), databases.redis, smtp_port=mail.port
    )
    gatehouse.prepare(ours, people=plan.people)
    theirs = databases.create()
    data.fill_peers(theirs, people=plan.people)
    data.settle(ours.environment["DATABASE_URL"])
    run = Run(plan, databases, machine.Calibration(), home, stack, plan.patience)
    djangos = databases.create()
    data.fill_django(djangos, people=plan.people)
    known = [
        ours,
        *services.peers(theirs, databases.redis, people=gatehouse.PEOPLE),
        services.django(djangos, people=gatehouse.PEOPLE),
    ]
    run.services = {service.name: service for service in known}
    return run


if __name__ == "__main__":
    # Whoever ends it: what it started stops, and its databases go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
