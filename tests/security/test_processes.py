"""Limits over two real processes, with their store, without it, and as it goes (R56, R57)."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.infra.faults import FaultyProxy
from tests.support.answers import OverNetwork
from tests.support.api import PASSWORD, Api, Person, new_address, new_email
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers, start

WRONG = "a wrong Password of tests"
# Odd, so that the shares of two processes (six each) do not add up to it.
LIMIT = 13
GUESSES = 40
LIMITS = {"LIMITS": f"login_failures={LIMIT}/10minute"}
ADDED_SECONDS = 0.05


def judged(server: Live, address: str, guesses: int = GUESSES) -> int:
    """Guess at names that nobody has, each time on a new connection; count what was judged."""
    found = 0
    for _ in range(guesses):
        # The kernel gives each connection to one of the processes.
        transport = OverNetwork(server.url)
        answer = Api(transport, address).try_log_in(new_email(), WRONG)
        transport.close()
        assert answer.status in (401, 429), str(answer)
        found += answer.status == 401
    return found


def test_r56_two_instances_of_two_processes_do_not_multiply_a_limit(
    servers: Servers, redis_url: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        one = servers.start(PostgreSql.name, stack, REDIS_URL=redis_url, **LIMITS)
        url = one.app.config["SETTINGS"].database_url
        other = start(tmp_path, url, stack, REDIS_URL=redis_url, WORKERS="2", **LIMITS)
        address = new_address()
        assert judged(one, address, LIMIT - 4) == LIMIT - 4
        assert judged(other, address) == 4
        assert judged(one, address) == 0


class Work:
    """Somebody who works all the time: reads, changes, logs in anew."""

    def __init__(self, person: Person) -> None:
        self.wrong: list[str] = []
        self.seconds: list[float] = []
        self._person = person
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Let the last request finish."""
        self._is_stopping.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._is_stopping.wait(0.02):
            began = time.perf_counter()
            answers = [
                self._person.get("/users/me"),
                self._person.patch("/users/me", {"name": "A Name"}),
                self._person.stranger.try_log_in(self._person.email, PASSWORD),
            ]
            self.seconds.append((time.perf_counter() - began) / len(answers))
            self.wrong += [str(answer) for answer in answers if answer.status != 200]


def test_r57_f4_redis_goes_while_people_work(servers: Servers, redis_url: str) -> None:
    """Nobody notices, no guess is free: each process gives its share until Redis is back."""
    with ExitStack() as stack:
        proxy, url = behind_proxy(stack, redis_url)
        server = servers.start(PostgreSql.name, stack, REDIS_URL=url, **LIMITS)
        work = Work(server.client.sign_up())
        stack.callback(work.stop)
        before, address = new_address(), new_address()
        assert judged(server, before) == LIMIT
        usual = typical(work)

        proxy.refuse()
        # What was counted in Redis is not known any more, but the second helping is bounded too.
        assert judged(server, before) <= LIMIT
        assert 0 < judged(server, address) <= LIMIT
        ready = server.client.request("GET", "/ready").expect(200)
        assert ready.json == {"status": "degraded"}
        assert server.client.request("GET", "/health").status == 200
        assert typical(work) <= usual + ADDED_SECONDS

        proxy.accept()
        assert heals(server)
        assert server.client.request("GET", "/ready").json == {"status": "ready"}
        work.stop()
        assert work.wrong == []


def behind_proxy(stack: ExitStack, redis_url: str) -> tuple[FaultyProxy, str]:
    """Return a proxy in front of Redis, and the address of Redis through it."""
    place = urlsplit(redis_url)
    proxy = stack.enter_context(FaultyProxy(place.hostname or "", place.port or 6379))
    return proxy, redis_url.replace(f":{place.port}/", f":{proxy.port}/")


def typical(work: Work) -> float:
    """Return the median seconds of a request since this was last asked."""
    while len(work.seconds) < 5:
        time.sleep(0.05)
    seconds, work.seconds = sorted(work.seconds), []
    return seconds[len(seconds) // 2]


def heals(server: Live, within: float = 5) -> bool:
    """Tell whether the processes soon count together again."""
    limit = time.monotonic() + within
    while judged(server, new_address()) != LIMIT:
        if time.monotonic() > limit:
            return False
    return True


def test_f4_what_decides_about_access_does_not_ask_redis(servers: Servers, redis_url: str) -> None:
    """A session that was ended stays ended while Redis is away, and the others go on."""
    with ExitStack() as stack:
        proxy, url = behind_proxy(stack, redis_url)
        server = servers.start(PostgreSql.name, stack, REDIS_URL=url)
        person = server.client.sign_up()
        other = person.again()
        person.post("/auth/logout").expect(204)
        proxy.refuse()
        for path in ("/users/me", "/auth/sessions") * 4:
            transport = OverNetwork(server.url)
            Api(transport, token=person.token).get(path).expect(401, "invalid_token")
            Api(transport, token=other.token).get(path).expect(200)
            transport.close()
