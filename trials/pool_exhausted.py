"""F3: 200 clients and strangers' sessions take every connection: short waits, 503, no leak."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.support import scraped, started
from tests.support.started import ADMIN
from trials import _cluster, _load, _shared
from trials._cluster import Cluster

CLIENTS, RATE = 200, 220
MIX = {"change": 80, "read": 14, "sign-up": 2, "log-in": 2, "health": 2}
WORKERS, THREADS = 2, 16
# Each worker may hold a reader for each thread, and a writer for each second one.
POOLS = WORKERS * (THREADS + THREADS // 2)
DATABASE = {
    "max_connections": str(POOLS + 12),
    "commit_siblings": "0",
}
# Every commit takes a tenth of a second, so that those who write are always too many.
SLOW = f"ALTER DATABASE {_cluster.DATABASE} SET commit_delay = 100000"
DROP = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
)
# A second for a thread, one for a connection, and one to do what was asked.
ANSWERED_SECONDS, RECOVERED_SECONDS = 3.0, 3.0
ROUND_SECONDS = 10.0


@contextmanager
def strangers(cluster: Cluster) -> Iterator[None]:
    """Drop every connection to the server, and hold as many as it gives for the block."""
    with ExitStack() as held:
        first = held.enter_context(cluster.connect())
        first.execute(f"{DROP} AND pid <> pg_backend_pid()")
        try:
            while True:
                held.enter_context(cluster.connect())
        except psycopg.OperationalError:
            yield


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    seconds = parser.parse_args().seconds
    report = _shared.Report(
        f"pool_exhausted: {CLIENTS} clients, {RATE} requests a second for {seconds:.0f} s;"
        f" {POOLS} connections at most, of {DATABASE['max_connections']}"
    )
    recovered = []
    with ExitStack() as stack:
        cluster = Cluster(stack, **DATABASE)
        stores = {"DATABASE_URL": cluster.url, "REDIS_URL": _shared.redis(stack)}
        # The thread that sends mail would hold a connection long after everybody has left.
        shape = {"WORKERS": str(WORKERS), "THREADS": str(THREADS), "JOBS": "off"}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {**ADMIN, **_load.SETTINGS, **scraped.ON, **shape, **stores}
        program = stack.enter_context(started.serving(home, **settings))
        with _load.running(program.url, clients=CLIENTS, rate=RATE, mix=MIX) as load:
            cluster.execute(SLOW)  # holds for connections that are made from now on
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(ROUND_SECONDS)
                with strangers(cluster):
                    time.sleep(ROUND_SECONDS)
                recovered.append(_load.wait_for(load, time.monotonic()))
        is_free = scraped.wait_for(
            lambda: scraped.scrape(program.client).total("gatehouse_db_connections_in_use"), 0
        )
        left = cluster.connections()
        _load.promise(report, load, program)
    report.figure("answers", _load.counts(load.answers))
    refused = sum(asked.is_refused for asked in load.answers)
    report.promise("of these refused", refused, "some", is_kept=refused > 0)
    slowest = _load.quantile(load.answers, 0.99)
    report.at_most("99 % of answers, seconds", slowest, ANSWERED_SECONDS)
    report.at_most("slowest recovery, seconds", max(recovered), RECOVERED_SECONDS)
    report.promise("a connection that nobody gave back", not is_free, "none", is_kept=is_free)
    report.figure("connections left, by their state", str(left))
    count, idle = sum(left.values()), left.get("idle", 0)
    report.promise(
        "connections left, idle of all", f"{idle} of {count}", "all", is_kept=idle == count <= POOLS
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
