"""A flood: 2,000 log-ins offered in one second, while somebody else asks for /users/me.

The flood itself comes from a process of its own: `python -m bench.flood PORT HOST < requests`.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from typing import Any

from bench import load
from bench.processes import Running
from bench.run import Run, say
from bench.workloads import OPEN_RATE, address, asking
from tests.servers.server import ROOT

LOGINS = 2_000
SECONDS = 12.0
_GIVE_UP_SECONDS = 30.0


def flood(run: Run) -> None:
    """Offer a flood of log-ins, and see who is served, who is told to wait, and what it weighs."""
    (running,) = run.start("gatehouse")
    asking_alone = partial(
        load.open_loop, running, asking(running), per_second=OPEN_RATE, seconds=SECONDS / 2
    )
    for number in range(min(run.plan.rounds, 3)):
        run.measure("flood_idle", "gatehouse", asking_alone, number=number)
        run.measure("flood", "gatehouse", partial(_flooded, run, running, number), number=number)
        time.sleep(2)


def _flooded(run: Run, running: Running, number: int) -> load.Result:
    with Watch(running) as watch, _offered(running) as process:
        result = load.open_loop(running, asking(running), per_second=OPEN_RATE, seconds=SECONDS)
        told = json.loads(process.communicate()[0])
    grown = {"workload": "flood_growth", "value": max(watch.seen) - watch.seen[0]}
    for found in ({"workload": "flood_answers", **told}, grown):
        run.measures.append({"service": "gatehouse", "round": number, **found})
        say(f"  {found}")
    # What was not answered is a result here: it stands in the table.
    return result


def _offered(running: Running) -> subprocess.Popen[bytes]:
    """Start the process that offers the log-ins, a second after now."""
    people, login = running.service.people, running.service.api.login
    assert login is not None
    requests = [
        login(people[number % len(people)][0], address(90_000 + number)).encoded(
            running.service.host
        )
        for number in range(LOGINS)
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.flood", str(running.port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps([data.decode() for data in requests]).encode())
    process.stdin.close()
    process.stdin = None
    return process


class Watch:
    """What the workers hold together in MiB, ten times a second; the first is before the flood."""

    def __init__(self, running: Running) -> None:
        self.seen = [self._held(running)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(running,))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self, running: Running) -> None:
        while not self._stop.wait(0.1):
            self.seen.append(self._held(running))

    @staticmethod
    def _held(running: Running) -> float:
        return running.resident()


async def offer(port: int, requests: list[str]) -> dict[str, Any]:
    """Send every request on a connection of its own within a second; return what became of them."""
    began = time.monotonic() + 1.0
    answers = await asyncio.gather(
        *(_ask(port, text.encode(), began + at / len(requests)) for at, text in enumerate(requests))
    )
    statuses = Counter(status for status, _, _ in answers)
    shed = [answer for answer in answers if answer[0] in ("429", "503")]
    return {
        "statuses": dict(sorted(statuses.items())),
        "without_retry_after": sum(not has_retry_after for _, has_retry_after, _ in shed),
        "shed_after_ms": statistics.median([taken for _, _, taken in shed] or [0.0]) * 1000,
    }


async def _ask(port: int, data: bytes, moment: float) -> tuple[str, bool, float]:
    await asyncio.sleep(moment - time.monotonic())
    began = time.monotonic()
    try:
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        return type(error).__name__, False, time.monotonic() - began
    return head.split(" ", 2)[1], "\nretry-after:" in head, time.monotonic() - began


if __name__ == "__main__":
    print(json.dumps(asyncio.run(offer(int(sys.argv[1]), json.load(sys.stdin)))))
