"""F6: Redis is emptied every second: nothing revived, nothing used twice, no lockout forgotten."""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import started
from tests.support.api import Person, new_address, new_email
from tests.support.mailbox import Mailbox
from tests.support.started import ADMIN, Started
from trials import _load, _shared
from trials._redis import Redis

WRONG = "a wrong Password of tests"
NEW = "another long password of tests"
WORKERS = 2
# Small enough that a short run meets it.
ADDRESS_LIMIT = 8
LIMITS = f"login_failures={ADDRESS_LIMIT}/10minute,sign_up=100000/minute,login=100000/minute"
# Free failures of an account, and those that its growing pauses let through meanwhile.
ACCOUNT_LIMIT = 20


@contextmanager
def emptied(redis: Redis) -> Iterator[list[float]]:
    """Empty Redis every second for as long as the block; return when it was."""
    moments: list[float] = []
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(1):
            redis.client.flushall()
            moments.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield moments
    finally:
        stopping.set()
        thread.join()


def used_twice(program: Started, mailbox: Mailbox) -> int:
    """Use the link of a reset mail two times; return how often the second time did something."""
    person = program.client.at().sign_up()
    program.client.at().post("/auth/password-reset", {"email": person.email}).expect(202)
    token = mailbox.nth_token(person.email, 2)  # the first verifies the address
    body = {"token": token, "new_password": NEW}
    program.client.at().post("/auth/password-reset/confirm", body).expect(204)
    body = {"token": token, "new_password": f"{NEW} again"}
    return int(program.client.at().post("/auth/password-reset/confirm", body).status < 400)


def revived(person: Person) -> int:
    """Return how many tokens of an ended session open something."""
    is_refreshed = person.stranger.at().try_refresh(person.refresh_token).status == 200
    return int(person.is_in()) + int(is_refreshed)


def main() -> int:
    """Run the trial on PostgreSQL with two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    report = _shared.Report(f"redis_flushed: FLUSHALL every second for {seconds:.0f} s")
    with ExitStack() as stack:
        redis = Redis(stack)
        settings = {
            **ADMIN,
            **_load.SETTINGS,
            "LIMITS": LIMITS,
            "DATABASE_URL": _shared.postgresql(stack),
            "REDIS_URL": redis.url,
            "WORKERS": str(WORKERS),
            "THREADS": "40",
        }
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        mailbox = Mailbox(home / "instance", patience_seconds=20)
        victim, guesser = program.client.at().sign_up(), new_address()
        ended = [program.client.at().sign_up() for _ in range(5)]
        for person in ended:
            person.post("/auth/logout").expect(204)
        account = address = twice = links = again = 0
        with emptied(redis) as moments:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                account += program.client.at().try_log_in(victim.email, WRONG).status == 401
                at = program.client.at(guesser)
                address += at.try_log_in(new_email(), WRONG).status == 401
                again += sum(map(revived, ended))
                if links < seconds / 5:
                    twice += used_twice(program, mailbox)
                    links += 1
                time.sleep(0.05)
    report.figure("times that Redis was emptied", len(moments))
    kept = not again and len(moments) > 2
    report.promise("ended sessions that lived again", again, "0", is_kept=kept)
    report.promise(f"links used twice, of {links}", twice, "0", is_kept=not twice and links > 0)
    report.promise(
        "guesses judged at one account, from as many addresses",
        account,
        f"<= {ACCOUNT_LIMIT}",
        is_kept=0 < account <= ACCOUNT_LIMIT,
    )
    most = ADDRESS_LIMIT * WORKERS
    report.promise(
        f"guesses judged from one address, limit {ADDRESS_LIMIT} on {WORKERS} workers",
        address,
        f"<= {most}",
        is_kept=ADDRESS_LIMIT <= address <= most,
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
