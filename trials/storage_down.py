"""F8: the storage of uploads hangs, then dies: URLs are signed, confirmations 503 in 2 seconds."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import urllib3

from tests.servers import azurite
from tests.support import started, uploads
from tests.support.answers import Answer
from tests.support.pictures import PNG
from tests.support.started import ADMIN, Started
from tests.support.stores import variables
from trials import _load, _shared

CLIENTS, RATE = 12, 30
CONFIRMED_SECONDS = 2.0
NO_LIMITS = ",".join(
    f"{name}=1000000/minute"
    for name in ("avatar_url", "avatar_url_address", "avatar_confirm", "sign_up", "login")
)


def timed(action: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return an answer and the seconds that it took."""
    began = time.monotonic()
    answer = action()
    return answer, time.monotonic() - began


@contextmanager
def killed(storage: azurite.Azurite) -> Iterator[None]:
    """Let it be gone, for good."""
    storage.kill()
    yield


def fault(
    report: _shared.Report,
    name: str,
    program: Started,
    *,
    injected: AbstractContextManager[None],
    uploads_each: int,
) -> None:
    """Announce and confirm pictures while the storage is in trouble and people go on."""
    url = f"http://127.0.0.1:{program.port}"
    people = [program.client.at().sign_up() for _ in range(uploads_each)]
    announced = [uploads.announce(person) for person in people]
    with urllib3.PoolManager(retries=False, timeout=20) as client:
        for one in announced:
            sent = client.request("PUT", one["url"], body=PNG, headers=one["headers"])
            assert sent.status == 201, sent.status
    signed: list[float] = []
    confirmed: list[float] = []
    wrong: list[str] = []
    with _load.running(url, clients=CLIENTS, rate=RATE) as load:
        time.sleep(2)
        began = time.monotonic()
        with injected:
            for person, upload in zip(people, announced, strict=True):
                body = {"content_type": "image/png", "size": len(PNG)}
                answer, seconds = timed(lambda p=person, b=body: p.post("/users/me/avatar", b))
                signed.append(seconds)
                wrong += [] if answer.status == 201 else [str(answer)]
                answer, seconds = timed(lambda p=person, u=upload: uploads.confirm(p, u))
                confirmed.append(seconds)
                is_told = answer.status == 503 and answer.headers.get("Retry-After")
                wrong += [] if is_told else [str(answer)]
        during = load.between(began)
    for text in [*wrong[:5], *load.wrong[:5]]:
        print(f"{name}: {text}")
    others = [asked for asked in during if not asked.is_good]
    report.figure(f"{name}: answers to others", _load.counts(during))
    report.promise(f"{name}: of these failed", len(others), "0", is_kept=not others)
    report.figure(f"{name}: seconds to a signed URL, at most", f"{max(signed):.3f}")
    report.promise(
        f"{name}: URLs refused or confirmations not 503", len(wrong), "0", is_kept=not wrong
    )
    report.promise(
        f"{name}: seconds to the refusal of a confirmation, at most",
        f"{max(confirmed):.2f}",
        "<= 2",
        is_kept=max(confirmed) <= CONFIRMED_SECONDS,
    )


def main() -> int:
    """Run the trial on PostgreSQL and Redis with Azurite as the storage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=20, help="with each fault")
    number = parser.parse_args().uploads
    report = _shared.Report(f"storage_down: {number} uploads, {RATE} other requests a second")
    with ExitStack() as stack:
        storage = azurite.start(stack)
        settings = {
            **ADMIN,
            **_load.SETTINGS,
            **variables(storage),
            "LIMITS": NO_LIMITS,
            "DATABASE_URL": _shared.postgresql(stack),
            "REDIS_URL": _shared.redis(stack),
            "WORKERS": "2",
            "THREADS": "40",
        }
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        fault(report, "hanging", program, injected=storage.stopped(), uploads_each=number)
        fault(report, "gone", program, injected=killed(storage), uploads_each=number)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
