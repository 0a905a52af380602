"""F2: PostgreSQL hangs, locks or is slow under load: 503 in time, and no pile-up afterwards."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.infra.faults import FaultyProxy
from tests.support import started
from tests.support.started import ADMIN
from trials import _load, _shared
from trials._asked import Asked
from trials._cluster import Cluster
from trials._load import Load

ANSWERED_SECONDS, SETTLED_SECONDS, LATE_SECONDS = 3.0, 5.0, 1.0
DELAY_SECONDS = 0.5


class Faults:
    """What may happen to a database behind a relay; each lasts as long as its block."""

    def __init__(self, stack: ExitStack) -> None:
        self._cluster = Cluster(stack)
        place = urlsplit(self._cluster.url)
        self._relay = stack.enter_context(FaultyProxy("127.0.0.1", self._cluster.port))
        netloc = f"{place.netloc.rpartition(':')[0]}:{self._relay.port}"
        self.url = place._replace(netloc=netloc).geturl()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Every process of it stops where it is."""
        stopped = self._cluster.freeze()
        yield
        self._cluster.thaw(stopped)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody holds the table of the accounts for themselves."""
        with self._cluster.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            yield

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Every way there and back takes half a second."""
        self._relay.delay_seconds = DELAY_SECONDS
        yield
        self._relay.delay_seconds = 0


def is_late(asked: Asked) -> bool:
    """Tell whether an answer still shows the fault."""
    return not asked.is_good or asked.seconds > LATE_SECONDS


def fault(
    report: _shared.Report,
    name: str,
    load: Load,
    *,
    injected: Callable[[], AbstractContextManager[None]],
    seconds: float,
    is_slow: bool = False,
) -> None:
    """Let it happen while people go on, and see how long it is felt afterwards."""
    began = time.monotonic()
    with injected():
        time.sleep(seconds)
    ended = time.monotonic()
    time.sleep(2 * SETTLED_SECONDS)
    meanwhile = load.between(began, ended)
    report.figure(f"{name}: answers meanwhile", _load.counts(meanwhile))
    # What asks a dozen times waits a dozen times (decision 0035).
    judged = [asked for asked in meanwhile if not is_slow or asked.kind == "read"]
    what = f"{name}: 99 % of {'reads' if is_slow else 'answers'} meanwhile, seconds"
    report.at_most(what, _load.quantile(judged, 0.99), ANSWERED_SECONDS)
    if is_slow:
        slowest = f"{_load.quantile(meanwhile, 0.99):.2f}"
        report.figure(f"{name}: 99 % of all answers meanwhile, seconds", slowest)
    checks = [asked for asked in meanwhile if asked.kind == "health"]
    report.every(f"{name}: /health: 200", sum(asked.is_good for asked in checks), len(checks))
    late = [asked.at + asked.seconds for asked in load.between(began) if is_late(asked)]
    settled = f"{name}: seconds until nobody was refused or late"
    report.at_most(settled, max([ended, *late]) - ended, SETTLED_SECONDS)


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="that each fault lasts")
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    parser.add_argument("--only", choices=["stopped", "locked", "slow"])
    arguments = parser.parse_args()
    report = _shared.Report(
        f"database_hung: each fault for {arguments.seconds:g} s,"
        f" {arguments.rate:g} requests a second on two workers"
    )
    with ExitStack() as stack:
        faults = Faults(stack)
        stores = {"DATABASE_URL": faults.url, "REDIS_URL": _shared.redis(stack)}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {**ADMIN, **_load.SETTINGS, "WORKERS": "2", **stores}
        program = stack.enter_context(started.serving(home, **settings))
        with _load.running(program.url, rate=arguments.rate) as load:
            time.sleep(3)
            for name, injected in (
                ("stopped", faults.stopped),
                ("locked", faults.locked),
                ("slow", faults.slow),
            ):
                if arguments.only in (None, name):
                    seconds, is_slow = arguments.seconds, name == "slow"
                    fault(report, name, load, injected=injected, seconds=seconds, is_slow=is_slow)
        _load.promise(report, load, program)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
