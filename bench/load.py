"""Load: wrk for what is fast, clients of our own for log-ins and for what is timed by schedule."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.client import Answer, Connection, Request
from bench.processes import Running
from bench.services import Person

CONNECTIONS = 32
LOGIN_CLIENTS = 8
_LUA = Path(__file__).with_name("wrk.lua")


@dataclass(slots=True)
class Result:
    """What a service did in one round; times in milliseconds.

    `cpu` is what its processes computed for a request, in microseconds: it says how dear a request
    is even where the machine had other things to do.
    """

    requests: int
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None
    failed: int = 0
    wrong: int = 0
    example: str = ""

    def document(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def closed_loop(
    running: Running, path: str, people: Sequence[Person], *, seconds: float, size: int = 0
) -> Result:
    """Let 32 connections ask for one path as fast as they are answered."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-people-") as file:
        file.writelines(f"{email}\t{token}\n" for email, token in people)
        file.flush()
        command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
        command += ["--duration", f"{seconds:.0f}s", "--timeout", "30s", "--script", str(_LUA)]
        command += [f"http://127.0.0.1:{running.port}/", "--"]
        command += [path, running.service.host, file.name, str(size)]
        computed = running.processor_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        computed = running.processor_seconds() - computed
    _, found, rest = done.stdout.partition("\nRESULT ")
    if not found:
        raise RuntimeError(f"wrk: {(done.stdout + done.stderr)[-1000:]}")
    figures, _, example = rest.partition("\n")
    numbers = [float(word) for word in figures.split()]
    requests, microseconds, p50, p99, wrong, failed, sockets = numbers
    return Result(
        requests=int(requests),
        rate=requests / microseconds * 1e6,
        p50=p50 / 1000,
        p99=p99 / 1000,
        cpu=computed / max(requests, 1) * 1e6,
        failed=int(failed + sockets),
        wrong=int(wrong),
        example=example.strip(),
    )


class Clients:
    """Clients that send one request after the other, each as soon as the last was answered."""

    def __init__(
        self, running: Running, request: Callable[[int], Request], *, expected: int, clients: int
    ) -> None:
        self._running, self._request, self._expected = running, request, expected
        self._ends: list[float] = []
        self._refused: list[str] = []
        self._numbers = count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(clients)]

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> Result:
        """Let those that are under way come home; return the rate.

        The first answers, as many as there are clients, only set the clock: a service that works
        on all of them at once answers them together.
        """
        asked_to_stop = time.monotonic()
        self._stop.set()
        for thread in self._threads:
            thread.join()
        ends = sorted(end for end in self._ends if end <= asked_to_stop)
        first = len(self._threads)
        if len(ends) > first:
            rate = (len(ends) - first) / (ends[-1] - ends[first - 1])
        else:
            rate = len(ends) / (asked_to_stop - self._began)
        refused = len(self._refused)
        return Result(len(self._ends), rate, failed=refused, example="".join(self._refused[:1]))

    def _work(self) -> None:
        with self._running.connection() as connection:
            while not self._stop.is_set():
                request = self._request(next(self._numbers))
                if refusal := attempt(connection, request, expected=self._expected):
                    self._refused.append(refusal)
                self._ends.append(time.monotonic())


def loop(
    running: Running, request: Callable[[int], Request], *, expected: int, seconds: float
) -> Result:
    """Let eight clients send such requests, one after the other each."""
    clients = Clients(running, request, expected=expected, clients=LOGIN_CLIENTS)
    clients.start()
    time.sleep(seconds)
    return clients.stop()


def open_loop(
    running: Running, request: Callable[[int], Request], *, per_second: float, seconds: float
) -> Result:
    """Send requests at fixed moments; each is timed from its moment, however late it was sent.

    What waits because others wait counts as waiting (no coordinated omission).
    """
    taken: list[float] = []
    refused: list[str] = []
    numbers = iter(range(round(per_second * seconds)))
    lock = threading.Lock()
    began = time.monotonic() + 0.1

    def work() -> None:
        with running.connection() as connection:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                moment = began + number / per_second
                time.sleep(max(0.0, moment - time.monotonic()))
                refusal = attempt(connection, request(number))
                taken.append(time.monotonic() - moment)
                if refusal:
                    refused.append(refusal)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return timed(taken, refused=refused)


def one_by_one(
    connection: Connection,
    request: Callable[[int], Request],
    *,
    times: int,
    keep: list[Answer] | None = None,
) -> Result:
    """Send requests on one connection and time each; `keep` collects the answers."""
    taken, refused = [], []
    for number in range(times):
        sent = request(number)
        began = time.monotonic()
        refusal = attempt(connection, sent, keep=keep)
        taken.append(time.monotonic() - began)
        if refusal:
            refused.append(refusal)
    return timed(taken, refused=refused)


def attempt(
    connection: Connection,
    request: Request,
    *,
    expected: int = 200,
    keep: list[Answer] | None = None,
) -> str | None:
    """Send a request; return what was wrong with its answer, if anything."""
    try:
        answer = connection.send(request)
    except (OSError, EOFError) as error:
        connection.close()
        return str(error)
    if keep is not None:
        keep.append(answer)
    if answer.status == expected:
        return None
    return f"{answer.status} {answer.body[:200].decode(errors='replace')}"


def timed(seconds: list[float], *, refused: Sequence[str] = ()) -> Result:
    """Return the percentiles of times."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.99))
    result = Result(len(ordered), p50=p50 * 1000, p99=p99 * 1000)
    result.failed, result.example = len(refused), "".join(refused[:1])
    return result
