"""R14: a signing key is replaced and retired under load, and nobody is logged out."""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import jwt

from tests.support import started
from tests.support.answers import OverNetwork
from tests.support.api import Api, Person
from tests.support.started import ADMIN, Started
from trials import _shared

CLIENTS = 4
# Every process reads the keys anew after 30 s at most.
REREAD_SECONDS = 30
NO_LIMITS = ",".join(f"{name}=1000000/minute" for name in ("refresh", "refresh_session"))


class Client:
    """Somebody who works, and refreshes their tokens again and again."""

    def __init__(self, person: Person) -> None:
        self.answers = Counter[int]()
        self.keys: set[str] = set()
        self._person = person
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """Let the last request finish."""
        self._is_stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_stopping.wait(0.02):
            answer = self._person.stranger.try_refresh(self._person.refresh_token)
            self.answers[answer.status] += 1
            if answer.status == 200:
                tokens = answer.json
                self._person = replace(
                    self._person,
                    token=tokens["access_token"],
                    refresh_token=tokens["refresh_token"],
                )
                self.keys.add(kid(str(self._person.token)))
            for _ in range(4):
                self.answers[self._person.get("/users/me").status] += 1


def kid(token: str) -> str:
    """Return the name of the key that signed a token."""
    return str(jwt.get_unverified_header(token)["kid"])


def everywhere(program: Started, token: str) -> set[int]:
    """Return what all processes answer to a token: each new connection goes to any of them."""
    found = set()
    for _ in range(16):
        transport = OverNetwork(f"http://127.0.0.1:{program.port}")
        found.add(Api(transport, token=token).get("/users/me").status)
        transport.close()
    return found


def seconds_until_refused(program: Started, token: str, limit: float) -> float:
    """Return how long a token is still accepted somewhere."""
    began = time.monotonic()
    while everywhere(program, token) != {401} and time.monotonic() - began < limit:
        time.sleep(0.2)
    return time.monotonic() - began


def keys(home: Path, *arguments: str, **settings: str) -> None:
    """Run `flask keys`."""
    command = _shared.flask(home, "keys", *arguments, **settings)
    printed, _ = command.communicate()
    print(printed.strip())
    if command.returncode:
        raise RuntimeError(printed)


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ahead", type=int, default=35, help="seconds before the new key signs")
    ahead = parser.parse_args().ahead
    report = _shared.Report(f"rotate_keys: two workers, {CLIENTS} clients at work")
    with ExitStack() as stack:
        stores = {"DATABASE_URL": _shared.postgresql(stack), "REDIS_URL": _shared.redis(stack)}
        settings = {**ADMIN, **stores, "LIMITS": NO_LIMITS, "TRUSTED_PROXIES": "127.0.0.0/8"}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        early = program.client.at().sign_up()
        old = kid(str(early.token))
        clients = [Client(program.client.at().sign_up()) for _ in range(CLIENTS)]
        keys(home, "rotate", "--in", str(ahead), **stores)
        # By then the slowest process signs with the new key too.
        time.sleep(ahead + REREAD_SECONDS + 2)
        overlap = everywhere(program, str(early.token))
        newer = kid(str(program.client.at().sign_up().token))
        keys(home, "retire", old, "--yes", **stores)
        seconds = seconds_until_refused(program, str(early.token), limit=2 * REREAD_SECONDS)
        is_back = early.refreshed().is_in()
        for client in clients:
            client.stop()
    answers = sum((client.answers for client in clients), Counter[int]())
    refused = answers.total() - answers[200]
    report.figure("requests", answers.total())
    report.promise("requests refused", refused, "0", is_kept=not refused)
    used = {name for client in clients for name in client.keys}
    is_new = newer != old and used == {old, newer}
    report.promise("keys that signed", len(used), "2", is_kept=is_new)
    report.promise("old key in the overlap", sorted(overlap), "[200]", is_kept=overlap == {200})
    report.promise(
        "seconds from `keys retire` to 401 everywhere",
        f"{seconds:.1f}",
        f"<= {REREAD_SECONDS}",
        is_kept=seconds <= REREAD_SECONDS + 1,
    )
    report.promise("session of the old token goes on", is_back, "True", is_kept=is_back)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
