"""F7: the mail server refuses, hangs, says 451 or 550: nobody waits, and no mail is lost."""

import argparse
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from flask import Flask

from gatehouse.infra import db, jobs
from gatehouse.settings import Settings
from tests.servers.server import free_port
from tests.support import smtp_sink, started
from tests.support.databases import application
from tests.support.smtp_sink import Sink
from tests.support.started import ADMIN, Started
from trials import _shared
from trials.mail import NO_LIMITS, drained

ADDED_SECONDS = 0.010
DUPLICATES = 1 / 1000


class Server:
    """A mail server at one port, in every state in which it can be."""

    def __init__(self, port: int) -> None:
        self.port, self.sink = port, Sink()

    @contextmanager
    def well(self) -> Iterator[None]:
        """It takes every mail."""
        self.sink.answers.clear()
        with smtp_sink.serving(self.sink, port=self.port):
            yield

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens."""
        yield

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and says nothing."""
        with socket.create_server(("127.0.0.1", self.port), backlog=64):
            yield

    @contextmanager
    def busy(self) -> Iterator[None]:
        """It asks to come again."""
        with self.well():
            self.sink.answers["DATA"] = "451 Try again later"
            yield

    @contextmanager
    def unwilling(self) -> Iterator[None]:
        """It refuses recipients for good."""
        with self.well():
            self.sink.answers["RCPT"] = "550 No such user here"
            yield


def resets(program: Started, people: list[str]) -> list[float]:
    """Ask for a reset for each; return the seconds that the answers took."""
    seconds = []
    for email in people:
        client = program.client.at()
        began = time.perf_counter()
        client.post("/auth/password-reset", {"email": email}).expect(202)
        seconds.append(time.perf_counter() - began)
        time.sleep(0.02)
    return seconds


def again(app: Flask) -> int:
    """Let what waits and what was parked be tried now; return how much was parked."""
    with app.app_context():
        while True:
            with db.unit():
                if not jobs.hasten():
                    break
        parked = jobs.parked(limit=100_000)
        for row in parked:
            with db.unit():
                jobs.retry(row["id"])
    return len(parked)


def fault(
    report: _shared.Report,
    name: str,
    program: Started,
    app: Flask,
    server: Server,
    *,
    injected: Callable[[], AbstractContextManager[None]],
    mails: int,
) -> None:
    """Compare resets with a good and a bad mail server, then count what arrived."""
    people = [program.client.at().sign_up().email for _ in range(mails)]
    with server.well():
        drained(app)
        usual = resets(program, people)
        drained(app)
    before = len(server.sink.envelopes)
    with injected():
        slow = resets(program, people)
        time.sleep(3)
    with server.well():
        parked = again(app)
        seconds = drained(app)
    arrived = server.sink.envelopes[before:]
    got = Counter(envelope.rcpt_tos[0] for envelope in arrived)
    lost = [email for email in people if not got[email]]
    ids = server.sink.ids()
    twice = len(ids) - len(set(ids))
    added = statistics.median(slow) - statistics.median(usual)
    report.figure(f"{name}: parked until they were tried again", parked)
    report.promise(f"{name}: mails lost, of {mails}", len(lost), "0", is_kept=not lost)
    most = len(ids) * DUPLICATES
    report.promise(f"{name}: sent twice", twice, "<= 1 in 1000", is_kept=twice <= most)
    report.promise(
        f"{name}: a reset takes longer by (median)",
        f"{added * 1000:+.1f} ms",
        "<= 10 ms",
        is_kept=added <= ADDED_SECONDS,
    )
    report.figure(f"{name}: seconds to the last mail afterwards", f"{seconds:.1f}")


def main() -> int:
    """Run the trial on PostgreSQL with Redis, mail sent by the server's own thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=250, help="with each fault")
    mails = parser.parse_args().mails
    report = _shared.Report(f"mail_server: {mails} resets with each fault")
    with ExitStack() as stack:
        server = Server(free_port())
        variables = {
            "DATABASE_URL": _shared.postgresql(stack),
            "REDIS_URL": _shared.redis(stack),
            **smtp_sink.variables(server.port),
            "SMTP_TIMEOUT_SECONDS": "2",
            "WORKERS": "2",
            "LIMITS": f"{NO_LIMITS},mails_to_person=1000/hour",
            "LOG_LEVEL": "ERROR",
            "TRUSTED_PROXIES": "127.0.0.0/8",
        }
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **ADMIN, **variables))
        found = Settings.load({**variables, "INSTANCE_DIR": str(home / "instance")})
        app = stack.enter_context(application(found))
        for name, injected in (
            ("refusing", server.refusing),
            ("hanging", server.hanging),
            ("451", server.busy),
            ("550", server.unwilling),
        ):
            fault(report, name, program, app, server, injected=injected, mails=mails)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
