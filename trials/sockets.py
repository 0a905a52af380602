"""F18: 500 WebSockets over two instances hear within 1 s, disturb no request, and all come back."""

import argparse
import asyncio
import json
import multiprocessing as mp
import random
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from gatehouse.infra import push
from gatehouse.infra.push import EVERYONE
from tests.support import live, people
from tests.support.api import Person
from tests.support.databases import application, build
from tests.support.environment import settings
from trials import _shared

PEOPLE = 25
MESSAGES_A_SECOND = 2
PROBES_A_SECOND = 40
NOTICE_SECONDS, BACK_SECONDS, RATIO = 1.0, 10.0, 1.5
# Below this there are too few requests for a percentile that could be promised.
LEAST_SECONDS = 20
LIMITS = "ws_ticket=100000/minute,login=100000/minute,sign_up=100000/minute"


@dataclass(frozen=True, slots=True)
class Shared:
    """What the process of the clients tells ours."""

    opened: Any
    is_over: Any
    results: Any


class Crowd:
    """Clients as the page on WebSockets wants them, in a process of their own."""

    def __init__(self, persons: list[Person], urls: list[str], sockets: int) -> None:
        self._persons, self._urls, self._sockets = persons, urls, sockets
        self._shared = Shared(mp.Value("i", 0), mp.Event(), mp.SimpleQueue())
        self._seconds: list[float] = []
        self._closed = dict[str, int]()
        self._process = mp.Process(target=self._run)
        self._process.start()

    @property
    def opened(self) -> int:
        """How many sockets are open."""
        return int(self._shared.opened.value)

    def wait(self, count: int, *, seconds: float) -> float:
        """Wait until so many are open; return how long that took, infinity if too long."""
        began = time.monotonic()
        while self.opened < count:
            if time.monotonic() - began > seconds:
                return float("inf")
            time.sleep(0.01)
        return time.monotonic() - began

    def end(self) -> tuple[list[float], dict[str, int]]:
        """End it; return how long each message took, and how sockets were closed."""
        self._shared.is_over.set()
        found: tuple[list[float], dict[str, int]] = self._shared.results.get()
        self._process.join(30)
        return found

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()

    def _run(self) -> None:
        asyncio.run(self._stay())
        self._shared.results.put((self._seconds, self._closed))

    async def _stay(self) -> None:
        tasks = [asyncio.create_task(self._client(number)) for number in range(self._sockets)]
        while not self._shared.is_over.is_set():
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, number: int) -> None:
        person, url = self._persons[number % PEOPLE], self._urls[number % len(self._urls)]
        while True:
            hint = random.uniform(0.5, 5)
            with suppress(OSError, WebSocketException, AssertionError):
                hint = await self._listen(person, url, f"c{number}") or hint
            await asyncio.sleep(hint)

    async def _listen(self, person: Person, url: str, client_id: str) -> float | None:
        answer = await asyncio.to_thread(person.post, "/auth/ws-ticket", {"client_id": client_id})
        protocols: Any = ["gatehouse", f"ticket.{answer.expect(200).json['ticket']}"]
        place, hint = f"{url.replace('http', 'ws', 1)}/ws/{client_id}", None
        async with connect(place, subprotocols=protocols, proxy=None) as socket:
            await socket.recv()
            self._shared.opened.value += 1
            try:
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "notification":
                        self._seconds.append(time.monotonic() - message["sent"])
                    elif message["type"] == "retry":
                        hint = float(message["after_seconds"])
            except ConnectionClosed:
                pass
            finally:
                self._shared.opened.value -= 1
            code = str(socket.close_code)
            self._closed[code] = self._closed.get(code, 0) + 1
        return hint


def probe(persons: list[Person], seconds: float) -> list[float]:
    """Return the seconds of requests that are sent at a steady pace to each instance in turn."""
    took = []
    began = time.monotonic()
    for number in range(int(seconds * PROBES_A_SECOND)):
        time.sleep(max(0.0, began + number / PROBES_A_SECOND - time.monotonic()))
        at = time.perf_counter()
        answer = persons[number % len(persons)].get("/users/me")
        took.append(time.perf_counter() - at)
        answer.expect(200)
    return took


def p99(values: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def speak(app: Any, seconds: float) -> int:
    """Push messages to everybody, as a job does; return how many."""
    count = int(seconds * MESSAGES_A_SECOND)
    for _ in range(count):
        message = {"type": "notification", "sent": time.monotonic(), "text": "x" * 200}
        people.in_context(app, partial(push.publish, message, to=EVERYONE))
        time.sleep(1 / MESSAGES_A_SECOND)
    return count


def main() -> int:
    """Run the trial on PostgreSQL and Redis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=30, help="how long each part is measured")
    arguments = parser.parse_args()
    report = _shared.Report(f"sockets: {arguments.sockets} over two instances")
    with ExitStack() as stack:
        trial(report, stack, arguments.sockets, arguments.seconds)
    return report.end()


def trial(report: _shared.Report, stack: ExitStack, sockets: int, seconds: int) -> None:
    """Open, push, ask, and restart both instances at once."""
    database, redis = _shared.postgresql(stack), _shared.redis(stack)
    homes = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
    build(settings(homes[0], database))
    more = {"REDIS_URL": redis, "WORKERS": "1", "THREADS": "16", "LIMITS": LIMITS}
    more |= {"PUBLIC_URL": "http://accounts.example.org", "SOCKETS_MAX": str(sockets)}
    more |= {"LOG_LEVEL": "WARNING"}
    servers = [live.start(home, database, stack, **more) for home in homes]
    persons = [servers[0].client.sign_up() for _ in range(PEOPLE)]
    askers = [
        Person(server.transport, token=persons[0].token, id=persons[0].id) for server in servers
    ]
    workers = [_shared.children(server.process.pid)[0] for server in servers]
    probe(askers, 2)
    idle = p99(probe(askers, seconds))
    memory = sum(_shared.memory(worker)[1] for worker in workers)

    crowd = Crowd(persons, [server.url for server in servers], sockets)
    stack.callback(crowd.kill)
    report.figure("opening them all", f"{crowd.wait(sockets, seconds=60):.1f} s")
    opened = crowd.opened
    report.promise("open at once", opened, f"{sockets}", is_kept=opened == sockets)
    threads = [len(list(Path(f"/proc/{worker}/task").iterdir())) for worker in workers]
    report.figure("threads of each instance, of which 16 answer requests", str(threads))
    grown = sum(_shared.memory(worker)[1] for worker in workers) - memory
    report.figure("memory a socket (PSS)", f"{grown / sockets / 1024:.1f} KiB")

    app = stack.enter_context(application(settings(homes[0], database, REDIS_URL=redis)))
    with ThreadPoolExecutor(1) as speaker:
        spoken = speaker.submit(speak, app, seconds)
        busy = p99(probe(askers, seconds))
        count = spoken.result()

    for server in servers:
        server.process.send_signal(signal.SIGHUP)
    limit = time.monotonic() + 60
    while crowd.opened == sockets and time.monotonic() < limit:
        time.sleep(0.005)
    gone_at, fewest = time.monotonic(), crowd.opened
    while crowd.opened > 0 and time.monotonic() - gone_at < 3:
        fewest = min(fewest, crowd.opened)
        time.sleep(0.005)
    are_back = crowd.wait(sockets, seconds=60) < 60
    back = time.monotonic() - gone_at
    time.sleep(1)
    still = crowd.opened
    took, closed = crowd.end()

    report.figure("messages pushed to all", count)
    report.promise(
        "messages heard", len(took), f"{count * sockets:,}", is_kept=len(took) == count * sockets
    )
    report.figure("from push to client, median", f"{statistics.median(took) * 1000:.1f} ms")
    report.promise(
        "from push to client, p99",
        f"{p99(took) * 1000:.1f} ms",
        f"<= {NOTICE_SECONDS * 1000:.0f} ms",
        is_kept=p99(took) <= NOTICE_SECONDS,
    )
    report.figure("GET /users/me, p99, before", f"{idle * 1000:.2f} ms")
    said = f"{busy * 1000:.2f} ms ({busy / idle:.2f} times)"
    if seconds >= LEAST_SECONDS:
        report.promise(
            "GET /users/me, p99, meanwhile", said, f"<= {RATIO} times", is_kept=busy <= RATIO * idle
        )
    else:
        report.figure("GET /users/me, p99, meanwhile", said)
    report.figure("closed when both instances reload, by code", str(closed))
    report.figure("fewest open then", fewest)
    report.promise(
        "all back after that",
        f"{back:.1f} s, {still} stay",
        f"<= {BACK_SECONDS:.0f} s",
        is_kept=are_back and back <= BACK_SECONDS and still == sockets,
    )


if __name__ == "__main__":
    sys.exit(main())
