"""What a person, a log-in and a request cost: bytes, processor time, write-ahead log.

`docs/scaling.md` reckons with these figures. All that is promised here is that answers are right.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import mean

import redis

from tests.support import started
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.started import ADMIN, Started
from trials import _shared
from trials._cluster import Cluster

# One client after another asks; how long an answer takes is the business of the benchmark.
SETTINGS = {
    **ADMIN,
    "BCRYPT_ROUNDS": "12",
    "WORKERS": "1",
    "LOG_LEVEL": "INFO",
    "METRICS_TOKEN": "a-token-that-only-this-trial-knows",
    "TRUSTED_PROXIES": "127.0.0.0/8",
    "LIMITS": "refresh_session=1000000/minute",
}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WANTED = {
    "asking for a reset, and its mail": 202,
    "log-in with a wrong password": 401,
    "sign-up and its mail": 201,
}
# What everybody has whose first log-in is over; the row of one person is copied for all others.
HISTORY = {
    "sessions": ("id", "user_id"),
    "events": ("id", "actor_id", "subject_id"),
    "known_places": ("user_id",),
    "outbox": ("id", "user_id"),
}
COPY = """
INSERT INTO {table} SELECT made.*
    FROM users, {table} AS one,
        LATERAL jsonb_populate_record(one, jsonb_build_object({changed})) AS made
    WHERE users.id <> '{person}'
        AND one.ctid = (SELECT ctid FROM {table} WHERE {owner} = '{person}' LIMIT 1)
"""


# What a refresh changes in a row (sessions/repository.py).
REFRESH = """
UPDATE sessions SET generation = generation + 1, rotated_at = now(), last_used_at = now(),
    idle_expires_at = now() + interval '7 days' WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of one worker, its database, and its Redis."""

    program: Started
    cluster: Cluster
    redis: str

    def processor(self) -> tuple[float, float]:
        """Return how long service and database have been computing, in seconds."""
        main = self.program.process.pid
        ours = [main, *_shared.children(main)]
        return _sum(ours), _sum(self.cluster.processes)

    def one(self, query: str) -> int:
        """Return the one number that a query has for an answer."""
        with self.cluster.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(str(row[0]))

    def settle(self) -> None:
        """Wait until all mail has gone."""
        open_ = "state IN ('waiting', 'leased') AND kind NOT LIKE 'periodic:%'"
        while self.one(f"SELECT count(*) FROM outbox WHERE {open_}"):
            time.sleep(0.1)

    def emails(self, limit: int) -> list[str]:
        """Return the addresses of some of the people."""
        with self.cluster.connect() as connection:
            rows = connection.execute("SELECT email FROM users LIMIT %s", (limit,))
            return [str(email) for (email,) in rows]

    def log(self) -> int:
        """Return how many bytes the database has written ahead since it was made."""
        return self.one("SELECT pg_current_wal_lsn() - '0/0'")


def _sum(pids: list[int]) -> float:
    return sum(_shared.processor_seconds(pid) for pid in pids)


def history(service: Service, person: Person) -> None:
    """Let everybody have what one person has after sign-up, log-in and mail."""
    for table, names in HISTORY.items():
        changed = ", ".join(f"'{name}', users.id" for name in names)
        owner = "subject_id" if table == "events" else "user_id"
        statement = COPY.format(table=table, owner=owner, changed=changed, person=person.id)
        with service.cluster.connect() as connection:
            connection.execute(statement.encode())
    with service.cluster.connect() as connection:
        connection.execute("VACUUM ANALYZE")


def bytes_a_row(report: _shared.Report, service: Service) -> None:
    """Say what a row takes on the disk, its indexes included."""
    total = 0
    for table in ("users", "user_roles", *HISTORY):
        size = service.one(f"SELECT pg_total_relation_size('{table}')")
        total += size
        a_row = size / service.one(f"SELECT count(*) FROM {table}")
        report.figure(f"bytes of {table}, a row", round(a_row))
    report.figure("bytes of a person with one log-in and one mail", round(total / people(service)))


def people(service: Service) -> int:
    """Return how many accounts there are."""
    return service.one("SELECT count(*) FROM users")


def requests(report: _shared.Report, service: Service, times: int) -> None:
    """Say what each kind of request costs, and promise that every answer is right."""
    api = service.program.client
    admin = api.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
    person = api.at().using(BROWSER).sign_up()
    refreshing = [person.refresh_token]

    def refresh() -> Answer:
        answer = api.using(BROWSER).at(person.address).try_refresh(refreshing[-1])
        if answer.status == 200:
            refreshing.append(answer.json["refresh_token"])
        return answer

    number, emails = count(1), iter(service.emails(times))
    kinds: dict[str, tuple[int, Callable[[], Answer]]] = {
        "GET /users/me": (times, lambda: person.get("/users/me")),
        "GET /users, 100 of them": (times, lambda: admin.get("/users?per_page=100")),
        "refresh": (times, refresh),
        "PATCH /users/me": (times, lambda: person.patch("/users/me", {"name": f"{next(number)}"})),
        "asking for a reset, and its mail": (
            times // 2,
            lambda: api.at().post("/auth/password-reset", {"email": next(emails)}),
        ),
        "log-in": (times // 10, lambda: api.at().using(BROWSER).try_log_in(person.email)),
        "log-in with a wrong password": (
            times // 10,
            lambda: api.at().using(BROWSER).try_log_in(new_email(), PASSWORD[::-1]),
        ),
        "sign-up and its mail": (
            times // 10,
            lambda: api.at().post("/users", {"email": new_email(), "password": PASSWORD}),
        ),
    }
    wrong = 0
    for name, (repeats, ask) in kinds.items():
        ask()  # what is made at the first one is not counted
        service.settle()
        ours, theirs = service.processor()
        log = service.log()
        statuses = [ask().status for _ in range(repeats)]
        service.settle()
        wrong += sum(status != WANTED.get(name, 200) for status in statuses)
        found = [
            f"{(after - before) / repeats * 1000:.2f} ms"
            for before, after in zip((ours, theirs), service.processor(), strict=True)
        ]
        written = round((service.log() - log) / repeats)
        report.figure(name, f"{found[0]} here, {found[1]} PostgreSQL, {written:,} bytes of log")
    report.promise("wrong answers", wrong, "0", is_kept=not wrong)


def first_touches(report: _shared.Report, service: Service, times: int) -> None:
    """Say what a refresh writes ahead where no other has been near since the last checkpoint.

    PostgreSQL then writes whole pages, of the row and of each index. That is the usual case where
    many sessions are refreshed, and one session refreshed again and again does not show it.
    """
    with service.cluster.connect() as connection:
        ids = connection.execute("SELECT id FROM sessions ORDER BY random() LIMIT %s", (times,))
        found = ids.fetchall()
        connection.execute("CHECKPOINT")
        before = service.log()
        for row in found:
            connection.execute(REFRESH, row)
    written = round((service.log() - before) / len(found))
    report.figure("refresh of many sessions after a checkpoint", f"{written:,} bytes of log")


def bytes_a_connection(report: _shared.Report, service: Service) -> None:
    """Say what the processes of the database hold that serve ours: their fair share (PSS)."""
    with service.cluster.connect() as connection:
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
        )
        sizes = [_shared.memory(int(str(pid)))[1] for (pid,) in connection.execute(query)]
    largest = _shared.mib(max(sizes))
    report.figure(
        "a connection of PostgreSQL (PSS)", f"{_shared.mib(mean(sizes))}, {largest} at most"
    )


def bytes_a_limit(report: _shared.Report, service: Service, addresses: int) -> None:
    """Say what Redis holds for an address that was counted."""
    with redis.Redis.from_url(service.redis) as client:
        before = client.info("memory")["used_memory"]
        keys = client.dbsize()
        ask = Api(service.program.client.transport)
        for _ in range(addresses):
            ask.at().post("/auth/login", {}).expect(422)
        new = client.dbsize() - keys
        grown = client.info("memory")["used_memory"] - before
    report.figure("keys in Redis, an address", f"{new / addresses:.1f}")
    report.figure("bytes in Redis, a key", round(grown / max(1, new)))


def main() -> int:
    """Measure on a PostgreSQL of its own, as durable as it ships."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=500, help="of each cheap kind")
    arguments = parser.parse_args()
    report = _shared.Report(f"costs: with {arguments.users:,} people on PostgreSQL")
    with ExitStack() as stack:
        cluster = Cluster(stack, shared_buffers="1GB", max_wal_size="8GB")
        stores = {"DATABASE_URL": cluster.url, "REDIS_URL": _shared.redis(stack)}
        _shared.empty(stores["REDIS_URL"])
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with started.serving(home, **SETTINGS, **stores):
            pass  # the first start makes the tables
        _shared.people(home, arguments.users, **stores)
        program = stack.enter_context(started.serving(home, **SETTINGS, **stores))
        service = Service(program, cluster, stores["REDIS_URL"])
        history(service, program.client.at().using(BROWSER).sign_up())
        bytes_a_row(report, service)
        requests(report, service, arguments.requests)
        first_touches(report, service, arguments.requests)
        bytes_a_connection(report, service)
        bytes_a_limit(report, service, arguments.requests)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
