"""`python -m bench`: starts the services, measures them in turn, writes the table and the plots."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import data, flood, gatehouse, machine, report, scale, services, weight, workloads
from bench.run import Plan, Run, say
from tests.servers.server import ROOT
from tests.support import smtp_sink

PARTS: dict[str, Callable[[Run], None]] = {
    "w1": workloads.me,
    "w2": workloads.page,
    "w3": workloads.log_in,
    "w4": workloads.sign_up,
    "w5": workloads.stall,
    "w6": scale.deep,
    "scale": scale.sizes,
    "memory": weight.memory,
    "start": weight.start,
    "embedded": weight.embedded,
    "flood": flood.flood,
}
MADE = ROOT / "build" / "bench"


def main() -> int:
    """Run what was asked for; return 1 where something that it needs is missing."""
    given = arguments()
    if machine.wrk() is None:
        say("wrk is not installed; Debian and Ubuntu: apt install wrk")
        return 1
    sys.setswitchinterval(0.0005)  # threads here time others: none may wait for its turn
    began = time.monotonic()
    with ExitStack() as stack:
        run = prepared(plan(given), stack)
        for name, part in PARTS.items():
            if run.wants(name):
                say(f"{name}: {(part.__doc__ or '').splitlines()[0]}")
                part(run)
        facts = {
            "machine": machine.describe(),
            "database": data.settings(run.databases.create()),
            "servers": run.databases.labels,
            "speed": run.calibration.describe(),
            "titles": {name: one.title for name, one in run.services.items()},
            "plan": {**vars_of(run.plan), "minutes": round((time.monotonic() - began) / 60, 1)},
            "measures": run.measures,
        }
    publish(facts, is_whole=not run.plan.only and not run.plan.is_quick)
    return 0


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


def arguments() -> argparse.Namespace:
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
    return parser.parse_args()


def plan(given: argparse.Namespace) -> Plan:
    """Return how much to measure: five rounds and a million people, unless told otherwise."""
    rounds, seconds, many = (3, 2.0, 100_000) if given.quick else (5, 8.0, 1_000_000)
    only = frozenset(filter(None, given.only.split(",")))
    if unknown := only - PARTS.keys():
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; {', '.join(PARTS)}")
    return Plan(
        rounds=given.rounds or rounds,
        seconds=given.seconds or seconds,
        people=10_000,
        many=given.many or many,
        only=only,
        is_quick=given.quick,
        patience=given.patience if given.patience is not None else (20.0 if given.quick else 240.0),
    )


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
    run = Run(plan, databases, machine.Calibration(), home, stack, patience=plan.patience)
    djangos = databases.create()
    data.fill_django(djangos, people=plan.people)
    known = [
        ours,
        *services.peers(theirs, databases.redis, people=gatehouse.PEOPLE),
        services.django(djangos, people=gatehouse.PEOPLE),
    ]
    run.services = {service.name: service for service in known}
    return run


def vars_of(plan: Plan) -> dict[str, object]:
    """Return what is told about a plan."""
    return {
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "people": plan.people,
        "many": plan.many,
    }


if __name__ == "__main__":
    sys.exit(main())
