"""A steady load for trials of faults: people who read and write, and know what they were told.

Requests leave at a rate, whether or not earlier ones were answered (an open loop), each client on
a connection that it keeps. Every answer is judged when it comes, and what was acknowledged is read
back at the end.
"""

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

from tests.support.answers import OverNetwork
from tests.support.api import PASSWORD, Api, new_email
from tests.support.started import ADMIN, Started
from trials._account import Account
from trials._asked import Asked, Connection
from trials._shared import Report

# What a service under this load is started with: limits are not what it is about.
SETTINGS = {
    "LIMITS": ",".join(
        f"{name}=1000000/minute"
        for name in ("sign_up", "login", "login_failures", "refresh", "notifications")
    ),
    "LOG_LEVEL": "ERROR",
    "QUEUE_TIMEOUT_SECONDS": "1",  # as it is shipped
    "TRUSTED_PROXIES": "127.0.0.0/8",
}
MIX = {"read": 70, "change": 15, "sign-up": 5, "log-in": 5, "health": 5}
WRITES = ("change", "sign-up", "log-in")


class Load:
    """People at work from `start` to `stop`, and all answers they got."""

    def __init__(
        self, url: str, *, clients: int = 40, rate: float = 100, mix: Mapping[str, float] = MIX
    ) -> None:
        self.answers: list[Asked] = []
        self.skipped = 0  # requests whose time came while every client waited for an answer
        self._url, self._rate, self.mix = url, rate, mix
        self._made: list[tuple[str, str]] = []
        self._maybe_made: list[str] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._transport = OverNetwork(url)
        with ThreadPoolExecutor(8) as pool:
            self.accounts = list(pool.map(lambda _: self._account(), range(clients)))
        self._threads = [threading.Thread(target=self._work, args=(a,)) for a in self.accounts]

    def start(self) -> None:
        """Let the first requests leave."""
        self._due = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until every client has its last answer."""
        is_first = not self._stopping.is_set()
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self.skipped and is_first:
            print(f"load: {self.skipped} requests not sent, because every client waited")

    def between(self, since: float, until: float = math.inf, *, kind: str = "") -> list[Asked]:
        """Return the answers to what was sent in a time (of the monotonic clock)."""
        return [
            asked
            for asked in list(self.answers)
            if since <= asked.at < until and kind in ("", asked.kind)
        ]

    @property
    def wrong(self) -> list[str]:
        """What was wrong with answers, each text once."""
        return sorted({f"{a.kind}: {a.wrong}" for a in list(self.answers) if a.wrong})

    def recovered(self, moment: float, kinds: Iterable[str] = ("read", "change")) -> float:
        """Return the seconds from a moment until a good answer of every kind had come."""
        return max(self._first_good(moment, kind) for kind in kinds) - moment

    def lost(self, admin: Api) -> list[str]:
        """Read everything back as an administrator; return what was acknowledged and is gone."""
        missing = []
        client = Api(self._transport)
        for email, user_id in self._made:
            answer = admin.get(f"/users/{user_id}")
            if answer.status != 200 or answer.json["email"] != email:
                missing.append(f"sign-up of {email}")
        for account in self.accounts:
            answer = admin.get(f"/users/{account.id}")
            name = answer.json.get("name")
            if answer.status != 200:
                missing.append(f"account of {account.email}")
            elif name not in {account.name, *account.maybe}:
                missing.append(f"name of {account.email}: {name}, not {account.name}")
            for token in account.tokens:
                if client.bearing(token).get("/users/me").status != 200:
                    missing.append(f"session of {account.email}")
        return missing

    def torn(self) -> list[str]:
        """Return the sign-ups without a good answer that are neither whole nor absent."""
        found = []
        for email in self._maybe_made:
            answer = Api(self._transport).try_log_in(email)
            if answer.status == 200:
                person = Api(self._transport, token=answer.json["access_token"]).get("/users/me")
                if person.status != 200 or person.json["roles"] != ["user"]:
                    found.append(email)
            elif answer.status != 401:
                found.append(str(answer))
        return found

    def acknowledged(self) -> Counter[str]:
        """Return how many writes of each kind were acknowledged."""
        return Counter(a.kind for a in list(self.answers) if a.kind in WRITES and a.is_good)

    def _account(self) -> Account:
        person = Api(self._transport).sign_up()
        assert person.token is not None
        return Account(person.email, person.id, [person.token])

    def _first_good(self, moment: float, kind: str) -> float:
        ends = (a.at + a.seconds for a in self.between(moment, kind=kind) if a.is_good)
        return min(ends, default=math.inf)

    def _next(self) -> float:
        with self._lock:
            now, pause = time.monotonic(), 1 / self._rate
            while self._due + pause < now:
                self._due += pause
                self.skipped += 1
            self._due += pause
            return self._due

    def _work(self, account: Account) -> None:
        kinds, weights = list(self.mix), list(self.mix.values())
        connection = Connection(self._url)
        number = 0
        while not self._stopping.wait(max(0, self._next() - time.monotonic())):
            (kind,) = random.choices(kinds, weights)
            number += 1
            self.answers.append(self._ask(kind, account, connection, number))
        connection.close()

    def _ask(self, kind: str, account: Account, connection: Connection, number: int) -> Asked:
        token = account.tokens[-1]
        if kind == "health":
            return connection.ask(kind, "GET", "/health", wanted=200)
        if kind == "sign-up":
            email = new_email()
            body = {"email": email, "password": PASSWORD}
            asked = connection.ask(kind, "POST", "/api/v1/users", body, wanted=201)
            if asked.is_good:
                self._made.append((email, asked.json["id"]))
            else:
                self._maybe_made.append(email)
            return asked.judged(lambda user: user["email"] == email)
        if kind == "log-in":
            body = {"username": account.email, "password": PASSWORD}
            asked = connection.ask(kind, "POST", "/api/v1/auth/login", body, wanted=200)
            return account.logged_in(asked)
        if kind == "change":
            name = f"Name {number}"
            account.maybe.add(name)
            body = {"name": name}
            asked = connection.ask(kind, "PATCH", "/api/v1/users/me", body, token, wanted=200)
            if asked.is_good:
                account.name, account.maybe = name, set()
            return asked.judged(lambda user: user["name"] == name)
        asked = connection.ask(kind, "GET", "/api/v1/users/me", None, token, wanted=200)
        known = {account.name, *account.maybe}
        return asked.judged(lambda user: user["id"] == account.id and user["name"] in known)


@contextmanager
def running(url: str, **options: object) -> Iterator[Load]:
    """Run a load as long as the block."""
    load = Load(url, **options)  # type: ignore[arg-type]
    load.start()
    try:
        yield load
    finally:
        load.stop()


def counts(answers: Iterable[Asked]) -> str:
    """Return how often each status came, with the codes of refusals: 200: 17, 503 …: 4."""
    found = Counter(f"{asked.status or ''} {asked.code}".strip() for asked in answers)
    return ", ".join(f"{name}: {number:,}" for name, number in sorted(found.items()))


def quantile(answers: Iterable[Asked], share: float) -> float:
    """Return the seconds within which a share of the answers came."""
    seconds = sorted(asked.seconds for asked in answers)
    return seconds[min(int(len(seconds) * share), len(seconds) - 1)] if seconds else math.nan


def gap(answers: Iterable[Asked]) -> float:
    """Return the longest time between two good answers."""
    ends = sorted(asked.at + asked.seconds for asked in answers if asked.is_good)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0)


def wait_for(load: Load, moment: float) -> float:
    """Return the seconds from a moment until reads and changes were answered well again."""
    limit = moment + 60
    while math.isinf(seconds := load.recovered(moment)) and time.monotonic() < limit:
        time.sleep(0.05)
    return seconds


def promise(report: Report, load: Load, program: Started, *, name: str = "") -> None:
    """Report what no fault may cause: lost or half-made writes, and false answers."""
    admin = program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
    acknowledged = load.acknowledged()
    has_worked = all(acknowledged[kind] for kind in load.mix if kind in WRITES)
    written = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(acknowledged.items()))
    report.figure(f"{name}acknowledged writes", written)
    for what, found in (
        ("acknowledged writes lost", load.lost(admin)),
        ("half-made accounts", load.torn()),
        ("wrong answers", load.wrong),
    ):
        for text in found[:5]:
            print(f"{name}{what}: {text}")
        report.promise(f"{name}{what}", len(found), "0", is_kept=not found and has_worked)
