"""F7, F10: no mail is lost over 200 kills of workers and an outage of the mail server."""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import urllib3
from flask import Flask
from sqlalchemy import func, select

from gatehouse.infra import db, mail
from gatehouse.infra.jobs import OutboxEntry, State
from gatehouse.settings import Settings
from tests.servers.server import free_port
from tests.support import smtp_sink, started
from tests.support.api import PASSWORD, Api
from tests.support.databases import application
from tests.support.smtp_sink import Sink
from tests.support.started import ADMIN
from trials import _shared
from trials._victims import Celery, Gunicorn

CLIENTS = 4
# A mail takes this long at the least, so that a kill meets it in every state.
DATA_SECONDS = 0.03
OUTAGE_SECONDS = 20.0
# Nothing moves for so long only where a mail is stuck: longer than a lease, sweeps and retries.
STILL_SECONDS = 150.0
# People sign up no faster than that, so that kills meet work under way and not a heap of it.
MOST_OPEN = 100
NO_LIMITS = "sign_up=1000000/minute"


class Killed(Exception):
    """Rolls a unit back after its mail was queued."""


@dataclass
class Clients:
    """People who sign up, each of whom gets a mail, and units that queue one and roll back."""

    client: Api
    app: Flask
    acknowledged: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)
    unexpected: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Begin, and go on until `stop`."""
        self._is_stopping, self._is_free = threading.Event(), threading.Event()
        targets = [self._sign_up] * CLIENTS + [self._roll_back]
        self._threads = [threading.Thread(target=target) for target in targets]
        for thread in self._threads:
            thread.start()

    def pace(self) -> None:
        """Let sign-ups wait while there are many mails to be sent."""
        self._is_free.set() if open_rows(self.app) < MOST_OPEN else self._is_free.clear()

    def stop(self) -> None:
        """Let every client finish its request."""
        self._is_stopping.set()
        self._is_free.set()
        for thread in self._threads:
            thread.join()

    def _sign_up(self) -> None:
        while not self._is_stopping.wait(random.uniform(0.1, 0.4)) and self._is_free.wait():
            email = f"{uuid4().hex}@example.org"
            body = {"email": email, "password": PASSWORD}
            try:
                self.client.at().post("/users", body).expect(201)
            except urllib3.exceptions.HTTPError:
                self.unanswered.append(email)
            except AssertionError as error:
                self.unexpected.add(str(error))
            else:
                self.acknowledged.append(email)

    def _roll_back(self) -> None:
        while not self._is_stopping.wait(0.1):
            email = f"{uuid4().hex}@example.net"
            with self.app.app_context(), suppress(Killed), db.unit():
                mail.queue("password_changed", to=email, context={})
                db.session.flush()
                self.rolled_back.append(email)
                raise Killed


def open_rows(app: Flask) -> int:
    """Return how many mails are not done."""
    with app.app_context():
        statement = select(func.count()).select_from(OutboxEntry)
        is_open = OutboxEntry.kind.not_like("periodic:%"), OutboxEntry.state != State.DONE
        return int(db.reader.scalar(statement.where(*is_open)))


def drained(app: Flask) -> float:
    """Wait until every mail is done, or nothing moves any more; return the seconds."""
    begun = moved = time.monotonic()
    before = open_rows(app)
    while before and time.monotonic() - moved < STILL_SECONDS:
        time.sleep(0.2)
        if (now := open_rows(app)) != before:
            before, moved = now, time.monotonic()
    return time.monotonic() - begun


def judge_kills(
    report: _shared.Report, name: str, kills: int, *, clients: Clients, sink: Sink
) -> None:
    """Compare what was promised with what the mail server got."""
    got = Counter(envelope.rcpt_tos[0] for envelope in sink.envelopes)
    lost = [one for one in clients.acknowledged if not got[one]]
    known = emails(clients.app)
    phantoms = [one for one in (*clients.rolled_back, *clients.unanswered) if got[one]]
    phantoms = [one for one in phantoms if one not in known]
    sent = sink.ids()
    duplicates = len(sent) - len(set(sent))
    for text in [*lost[:5], *phantoms[:5], *sorted(clients.unexpected)[:5]]:
        print(f"{name}: {text}")
    report.figure(f"{name}: processes killed", kills)
    report.figure(f"{name}: requests without an answer", len(clients.unanswered))
    report.figure(f"{name}: units rolled back after queueing a mail", len(clients.rolled_back))
    count = len(clients.acknowledged)
    is_busy = count > kills and len(clients.rolled_back) > kills
    report.figure(f"{name}: mails promised", count)
    report.promise(f"{name}: mails lost", len(lost), "0", is_kept=not lost and is_busy)
    report.promise(f"{name}: mails of rolled-back work", len(phantoms), "0", is_kept=not phantoms)
    report.promise(
        f"{name}: mails sent twice", duplicates, f"<= {kills}", is_kept=duplicates <= kills
    )
    errors = len(clients.unexpected)
    report.promise(f"{name}: wrong answers", errors, "0", is_kept=not errors)


def judge_outage(
    report: _shared.Report, name: str, mails: int, *, app: Flask, sink: Sink, port: int
) -> None:
    """Queue mails while nobody listens, let the mail server come back, and count."""
    begun, before = time.monotonic(), len(sink.envelopes)
    addresses = [f"{number}.{uuid4().hex}@example.com" for number in range(mails)]
    for address in addresses:
        with app.app_context(), db.unit():
            mail.queue("password_changed", to=address, context={})
    time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begun)))
    waiting = open_rows(app)
    sink.data_seconds = 0.0
    with smtp_sink.serving(sink, port=port):
        seconds = drained(app)
    got = Counter(envelope.rcpt_tos[0] for envelope in sink.envelopes[before:])
    lost = sum(not got[address] for address in addresses)
    report.figure(f"{name}: mails waiting when the mail server came back", waiting)
    kept = waiting == mails and not lost
    report.promise(f"{name}: of those lost", lost, "0", is_kept=kept)
    twice = got.total() - len(got)
    report.promise(f"{name}: of those sent twice", twice, "0", is_kept=not twice)
    report.figure(f"{name}: seconds to the last of them", f"{seconds:.0f}")


def emails(app: Flask) -> set[str]:
    """Return the addresses of all accounts."""
    users = db.metadata.tables["users"]
    with app.app_context():
        return {row.email for row in db.reader.rows(select(users.c.email))}


def trial(
    report: _shared.Report, jobs: str, *, kills: int, mails: int, stores: dict[str, str]
) -> None:
    """Run both parts of the trial with one way of doing jobs."""
    sink, port = Sink(), free_port()
    sink.data_seconds = DATA_SECONDS
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = {
            **stores,
            **smtp_sink.variables(port),
            "SMTP_TIMEOUT_SECONDS": "10",
            "JOBS": jobs,
            "WORKERS": "2",
            "LIMITS": NO_LIMITS,
            "LOG_LEVEL": "ERROR",
            "TRUSTED_PROXIES": "127.0.0.0/8",
        }
        program = stack.enter_context(started.serving(home, **ADMIN, **variables))
        found = Settings.load({**variables, "INSTANCE_DIR": str(home / "instance")})
        app = stack.enter_context(application(found))
        victims = Celery(home, variables) if jobs == "celery" else Gunicorn(program)
        stack.callback(victims.stop)
        clients = Clients(program.client, app)
        with smtp_sink.serving(sink, port=port):
            clients.start()
            for number in range(kills):
                time.sleep(random.uniform(0.2, 0.8))
                clients.pace()
                victims.kill(number)
            clients.stop()
            report.figure(
                f"{jobs}: seconds to the last mail after the kills", f"{drained(app):.0f}"
            )
        judge_kills(report, jobs, kills, clients=clients, sink=sink)
        judge_outage(report, jobs, mails, app=app, sink=sink, port=port)


def main() -> int:
    """Run the trial on PostgreSQL and Redis, embedded and with Celery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each kind of worker")
    parser.add_argument("--mails", type=int, default=1000, help="that wait over the outage")
    parser.add_argument("--only", choices=["embedded", "celery"])
    arguments = parser.parse_args()
    report = _shared.Report("mail: workers are killed, and the mail server is away")
    for jobs in ("embedded", "celery"):
        if arguments.only in (None, jobs):
            with ExitStack() as stack:
                stores = {
                    "DATABASE_URL": _shared.postgresql(stack),
                    "REDIS_URL": _shared.redis(stack),
                }
                trial(report, jobs, kills=arguments.kills, mails=arguments.mails, stores=stores)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
