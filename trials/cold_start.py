"""F21: everything is killed and started at once, with an empty Redis, while clients keep coming."""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import urllib3

from tests.servers.server import free_port
from tests.support import started
from tests.support.started import ADMIN, Started
from trials import _load, _shared
from trials._cluster import Cluster
from trials._redis import Redis

WORKERS, THREADS = 2, 30
# What the pools of all processes may hold: a reader for each thread, and half as many writers.
POOLS = WORKERS * (THREADS + THREADS // 2)
# From being ready to an answered change.
RECOVERED_SECONDS = 3.0


@contextmanager
def counted(cluster: Cluster) -> Iterator[list[int]]:
    """Keep the number of connections to the database, many times a second, for the block."""
    found: list[int] = []
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(0.05):
            with suppress(psycopg.OperationalError):
                found.append(sum(cluster.connections().values()))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield found
    finally:
        stopping.set()
        thread.join()


def kill(program: Started) -> None:
    """End the main process and its workers at once, as a machine that loses power does."""
    for pid in [program.process.pid, *_shared.children(program.process.pid)]:
        _shared.end(pid)
    program.process.wait()


def until_ready(home: Path, settings: dict[str, str]) -> tuple[Started, float]:
    """Start it, again where the database is not there yet; return the moment it is ready."""
    while True:
        program = started.start(home, **settings)
        while program.process.poll() is None:
            with suppress(urllib3.exceptions.HTTPError):
                if program.client.request("GET", "/ready").status == 200:
                    return program, time.monotonic()
            time.sleep(0.02)


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    parser.add_argument("--ready", type=float, default=5.0, help="seconds until it is")
    arguments = parser.parse_args()
    report = _shared.Report(
        f"cold_start: {arguments.starts} times everything at once,"
        f" {arguments.rate:g} requests a second all the while"
    )
    ready, recovered = [], []
    with ExitStack() as stack:
        cluster, redis = Cluster(stack), Redis(stack)
        stores = {"DATABASE_URL": cluster.url, "REDIS_URL": redis.url}
        shape = {"WORKERS": str(WORKERS), "THREADS": str(THREADS), "PORT": str(free_port())}
        settings = {**ADMIN, **_load.SETTINGS, **stores, **shape}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = [started.start(home, **settings)]
        stack.callback(lambda: started.stop(running[-1]))
        started.wait(running[-1])
        url = running[-1].url
        with counted(cluster) as connections, _load.running(url, rate=arguments.rate) as load:
            for _ in range(arguments.starts):
                time.sleep(5)
                kill(running[-1])
                cluster.kill()
                redis.kill()
                time.sleep(1)
                began = time.monotonic()
                with ThreadPoolExecutor(1) as pool:
                    service = pool.submit(until_ready, home, settings)
                    redis.start()
                    cluster.start()
                    program, moment = service.result()
                running.append(program)
                ready.append(moment - began)
                _load.wait_for(load, began)
                recovered.append(load.recovered(began))
            time.sleep(3)
        _load.promise(report, load, running[-1])
    report.figure("answers", _load.counts(load.answers))
    report.at_most("seconds until it was ready (at most)", max(ready), arguments.ready)
    what = "seconds until a read and a change were answered (at most)"
    report.at_most(what, max(recovered), arguments.ready + RECOVERED_SECONDS)
    most = max(connections)
    report.promise(
        "connections to the database (at most)", most, f"<= {POOLS}", is_kept=most <= POOLS
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
