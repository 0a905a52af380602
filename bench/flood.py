"""A flood: 2,000 log-ins offered in one second, while somebody else asks for /users/me.

The flood itself comes from a process of its own: `python -m bench.flood PORT HOST < requests`.
"""

import json
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
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


def offer(port: int, requests: list[str]) -> dict[str, Any]:
    """Send every request on a connection of its own within a second; return what became of them.

    One thread and no framework: what the flood itself computes is taken from those it meets.
    """
    began = time.monotonic() + 1.0
    waiting = deque(
        Login(began + at / len(requests), text.encode()) for at, text in enumerate(requests)
    )
    answered: list[Login] = []
    with selectors.DefaultSelector() as selector:
        while waiting or selector.get_map():
            now = time.monotonic()
            while waiting and waiting[0].moment <= now:
                login = waiting.popleft()
                if not login.begin(selector, port):
                    answered.append(login)
            patience = waiting[0].moment - now if waiting else began + _GIVE_UP_SECONDS - now
            if patience <= 0:
                break
            for key, _ in selector.select(patience):
                if key.data.go_on(selector):
                    answered.append(key.data)
        given_up = len(selector.get_map())
    statuses = Counter(login.status for login in answered) + Counter(TimeoutError=given_up)
    shed = [login for login in answered if login.status in ("429", "503")]
    return {
        "statuses": dict(sorted(statuses.items())),
        "without_retry_after": sum("\nretry-after:" not in login.head for login in shed),
        "shed_after_ms": statistics.median([login.taken for login in shed] or [0.0]) * 1000,
    }


class Login:
    """One request of the flood, on a connection of its own, timed from its moment."""

    def __init__(self, moment: float, data: bytes) -> None:
        self.moment = moment
        self.head, self.status, self.taken = "", "", 0.0
        self._data, self._answer = data, b""

    def begin(self, selector: selectors.BaseSelector, port: int) -> bool:
        """Connect; what is to be sent goes out when the connection stands. False if none can be."""
        try:
            self._socket = socket.socket()
        except OSError as error:  # no more files may be open
            self.status = type(error).__name__
            return False
        self._socket.setblocking(False)
        self._socket.connect_ex(("127.0.0.1", port))
        selector.register(self._socket, selectors.EVENT_WRITE, self)
        return True

    def go_on(self, selector: selectors.BaseSelector) -> bool:
        """Send or read what can be, and tell whether that was the end."""
        try:
            if self._data:
                self._data = self._data[self._socket.send(self._data) :]
                if not self._data:
                    selector.modify(self._socket, selectors.EVENT_READ, self)
                return False
            read = self._socket.recv(4096)
            self._answer += read
            head, is_whole, _ = self._answer.partition(b"\r\n\r\n")
            if read and not is_whole:
                return False
            self.head = head.decode("latin-1").lower()
            self.status = self.head.split(" ", 2)[1] if is_whole else "cut off"
        except OSError as error:
            self.status = type(error).__name__
        self.taken = time.monotonic() - self.moment
        selector.unregister(self._socket)
        self._socket.close()
        return True


if __name__ == "__main__":
    print(json.dumps(offer(int(sys.argv[1]), json.load(sys.stdin))))
