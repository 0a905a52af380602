"""F17: a hundred bodies of 2 to 20 MB at once are 413 before they are read, and harm nobody."""

import argparse
import random
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

from trials import _load, _proxied, _shared

MEMORY = 32 * _shared.MIB
SIZES = (2 * _shared.MIB, 20 * _shared.MIB)
BLOCK = b"x" * 65_536
HEAD = (
    "POST /api/v1/users HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Content-Length: {size}\r\n\r\n"
)
# Answered before a body was sent at all, and not when somebody gave up waiting for it.
AT_ONCE_SECONDS = 5
WARM_SECONDS = 10


class Senders:
    """Clients at once, each with a body that is too large, `rounds` times."""

    def __init__(self, url: str, *, clients: int, rounds: int, is_sending: bool) -> None:
        self.answers = Counter[str]()
        self.seconds: list[float] = []
        self._url, self._rounds, self._is_sending = url, rounds, is_sending
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def run(self) -> None:
        """Send all, and wait for the last answer."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        for _ in range(self._rounds):
            began = time.monotonic()
            try:
                self.answers[self._once(random.randint(*SIZES))] += 1
            except OSError as error:
                self.answers[type(error).__name__] += 1
            self.seconds.append(time.monotonic() - began)

    def _once(self, size: int) -> str:
        place = urlsplit(self._url)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as plain:
            connection: socket.socket = plain
            if place.scheme == "https":
                connection = ssl._create_unverified_context().wrap_socket(plain)
            with connection:
                connection.sendall(HEAD.format(size=size).encode())
                if self._is_sending:
                    # Until the answer makes them stop: it may come in the middle.
                    with suppress(OSError):
                        for _ in range(size // len(BLOCK)):
                            connection.sendall(BLOCK)
                answer = connection.recv(4096)
        return answer[9:12].decode() or "closed"


class Watch:
    """The most that each worker held during the block, beyond what it held before."""

    def __init__(self, pids: list[int]) -> None:
        self._before = {pid: _shared.resident(pid) for pid in pids}
        self._most = dict(self._before)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """Return the growth of the one that grew most."""
        return max(self._most[pid] - size for pid, size in self._before.items())

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            for pid in self._most:
                self._most[pid] = max(self._most[pid], _shared.resident(pid))


def trial(
    report: _shared.Report,
    name: str,
    url: str,
    front: _proxied.Proxied,
    *,
    clients: int,
    rounds: int,
) -> None:
    """Send them while others work, and look at what the workers hold."""
    with _load.running(url, clients=20, rate=50) as load:
        # A worker that has just begun grows with whatever it does first.
        time.sleep(WARM_SECONDS)
        pids = front.workers()
        with Watch(pids) as watch:
            waiting = Senders(url, clients=clients, rounds=rounds, is_sending=False)
            waiting.run()
            sending = Senders(url, clients=clients, rounds=rounds, is_sending=True)
            sending.run()
    slowest = max(waiting.seconds)
    report.promise(
        f"{name}: 413 with no byte of the body sent",
        f"{dict(waiting.answers)}, {slowest:.1f} s at most",
        f"all, < {AT_ONCE_SECONDS} s",
        is_kept=set(waiting.answers) == {"413"} and slowest < AT_ONCE_SECONDS,
    )
    # Who goes on sending may find the connection closed before the answer was read (RFC 9112, 9.6).
    report.promise(
        f"{name}: 413 or closed while it was sent",
        dict(sending.answers),
        "no other answer",
        is_kept=set(sending.answers)
        <= {"413", "closed", "ConnectionResetError", "BrokenPipeError", "SSLEOFError"},
    )
    report.promise(
        f"{name}: growth of a worker",
        _shared.mib(watch.growth),
        f"<= {_shared.mib(MEMORY)}",
        is_kept=watch.growth <= MEMORY and front.workers() == pids,
    )
    bad = [asked for asked in load.answers if not asked.is_good]
    report.figure(f"{name}: others, 99 %", f"{_load.quantile(load.answers, 0.99) * 1000:.0f} ms")
    report.promise(
        f"{name}: requests of others lost",
        f"{len(bad)} of {len(load.answers)}",
        "0",
        is_kept=not bad,
    )


def main() -> int:
    """Run it through nginx and at an instance itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    report = _shared.Report(f"oversized: {arguments.clients} bodies of 2 to 20 MB at once")
    how = {"clients": arguments.clients, "rounds": arguments.rounds}
    with ExitStack() as stack:
        front = _proxied.Proxied(stack)
        trial(report, "nginx", front.url, front, **how)
    with ExitStack() as stack:
        front = _proxied.Proxied(stack, instances=1, THREADS="40")
        trial(report, "alone", f"http://127.0.0.1:{front.instances[0].port}", front, **how)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
