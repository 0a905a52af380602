"""F1: PostgreSQL killed under load and started again: 503 meanwhile, nothing lost."""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support import started
from tests.support.started import ADMIN
from trials import _load, _shared
from trials._cluster import Cluster

REFUSED_SECONDS, RECOVERED_SECONDS = 1.0, 3.0


def main() -> int:
    """Kill and start the database again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--away", type=float, default=10, help="seconds until it is started again")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two")
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    arguments = parser.parse_args()
    report = _shared.Report(
        f"database_killed: {arguments.kills} kills of PostgreSQL, each {arguments.away:g} s away,"
        f" {arguments.rate:g} requests a second"
    )
    meanwhile, recovered = [], []
    with ExitStack() as stack:
        cluster = Cluster(stack)
        stores = {"DATABASE_URL": cluster.url, "REDIS_URL": _shared.redis(stack)}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {**ADMIN, **_load.SETTINGS, "WORKERS": "2", **stores}
        program = stack.enter_context(started.serving(home, **settings))
        workers = _shared.children(program.process.pid)
        with _load.running(program.url, rate=arguments.rate) as load:
            for _ in range(arguments.kills):
                time.sleep(arguments.pause)
                cluster.kill()
                killed = time.monotonic()
                time.sleep(arguments.away)
                before, back = time.monotonic(), cluster.start()
                meanwhile += load.between(killed, before)
                recovered.append(_load.wait_for(load, back))
            time.sleep(arguments.pause)
        report.figure("answers", _load.counts(load.answers))
        _load.promise(report, load, program)
        checks = [asked for asked in meanwhile if asked.kind == "health"]
        refused = [asked for asked in meanwhile if asked.kind != "health"]
        shaped = sum(asked.is_refused for asked in refused)
        report.every("answers while it was away that are a right 503", shaped, len(refused))
        slowest = _load.quantile(meanwhile, 1)
        report.at_most("the slowest of them, seconds", slowest, REFUSED_SECONDS)
        good = sum(asked.is_good for asked in checks)
        report.every("/health while it was away: 200", good, len(checks))
        what = "seconds from its first answer to a read and a change (at most)"
        report.at_most(what, max(recovered), RECOVERED_SECONDS)
        died = set(workers) - set(_shared.children(program.process.pid))
        report.promise("workers that died", len(died), "0", is_kept=not died)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
