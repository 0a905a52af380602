"""F15: 2,000 log-ins arrive in a second: some wait, the rest is told when, and reading goes on."""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.support import started
from tests.support.api import PASSWORD, Api, new_address
from tests.support.started import ADMIN, Started
from trials import _load, _shared

WORKERS = 2
READS_PER_SECOND = 20
SETTLED_SECONDS = 3
# Below this twice as long is chance.
TICK_SECONDS = 0.005
MOST_GROWTH = 64 * _shared.MIB
HERD = Path(__file__).with_name("_herd.py")
Told = tuple[int, bool, float, float]


def emails(admin: Api, number: int) -> list[str]:
    """Return the addresses of so many people who may log in."""
    found: list[str] = []
    first = path = "/users?per_page=100&is_active=true"
    while len(found) < number:
        page = admin.get(path).expect(200).json
        found += [user["email"] for user in page["users"] if user["email"] != ADMIN["ADMIN_EMAIL"]]
        path = f"{first}&cursor={page['next_cursor']}"
    return found[:number]


def request(email: str) -> str:
    """Return a log-in by the byte, each from an address of its own."""
    body = json.dumps({"username": email, "password": PASSWORD})
    head = (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"X-Forwarded-For: {new_address()}\r\nContent-Type: application/json\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


def stampede(port: int, people: list[str]) -> list[Told]:
    """Let them all come within a second; return what each was told."""
    done = subprocess.run(
        [sys.executable, str(HERD), str(port), "1"],
        input="".join(f"{json.dumps(request(email))}\n" for email in people),
        capture_output=True,
        text=True,
        check=True,
    )
    return [tuple(one) for one in json.loads(done.stdout)]


def steady(program: Started, people: list[str], seconds: float) -> float:
    """Return how many people a second can log in where nobody is refused."""
    numbers, done, until = count(), count(), time.monotonic() + seconds

    def work(_: int) -> None:
        while time.monotonic() < until:
            email = people[next(numbers) % len(people)]
            program.client.at().log_in(email, PASSWORD)
            next(done)

    began = time.monotonic()
    with ThreadPoolExecutor(2 * WORKERS) as pool:
        list(pool.map(work, range(2 * WORKERS)))
    return next(done) / (time.monotonic() - began)


@contextmanager
def watched(processes: list[int]) -> Iterator[dict[int, int]]:
    """Keep the most memory that each process had in the block."""
    most = {pid: _shared.resident(pid) for pid in processes}
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(0.05):
            for pid in processes:
                most[pid] = max(most[pid], _shared.resident(pid))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield most
    finally:
        stopping.set()
        thread.join()


def judge(report: _shared.Report, told: list[Told], *, steady_rate: float, slack: float) -> None:
    """Compare what the herd was told with what is promised."""
    report.figure("answers", str(dict(sorted(Counter(one[0] for one in told).items()))))
    good = [one for one in told if one[0] == 200]
    odd = [one for one in told if not (one[0] == 200 or (one[0] in (429, 503) and one[1]))]
    report.promise("neither logged in nor told when to come again", len(odd), "0", is_kept=not odd)
    took = max(one[3] for one in good) - min(one[2] for one in told)
    rate = len(good) / took
    report.figure("log-ins a second, steady", f"{steady_rate:.1f}")
    report.promise(
        "log-ins a second in the herd, until the last of it",
        f"{rate:.1f}, {rate / steady_rate:.0%}",
        ">= 90 % of steady",
        is_kept=rate >= 0.9 * steady_rate / slack,
    )
    refused = sorted(one[3] - one[2] for one in told if one[0] != 200)
    if refused:
        report.figure("seconds to a refusal (median)", f"{refused[len(refused) // 2]:.2f}")


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers, at the cost of real passwords."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log-ins", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30, help="of the phases before")
    parser.add_argument("--rounds", type=int, default=12, help="BCRYPT_ROUNDS")
    parser.add_argument("--slack", type=float, default=1, help="how much slower a busy machine is")
    arguments = parser.parse_args()
    number, seconds = arguments.log_ins, arguments.seconds
    report = _shared.Report(f"herd: {number:,} log-ins in a second, {WORKERS} workers")
    with ExitStack() as stack:
        stores = {"DATABASE_URL": _shared.postgresql(stack), "REDIS_URL": _shared.redis(stack)}
        own = {"WORKERS": str(WORKERS), "BCRYPT_ROUNDS": str(arguments.rounds)}
        settings = {**ADMIN, **_load.SETTINGS, **stores, **own}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(started.serving(home, **settings))
        # One in fifty of them is not active.
        seed = ("seed", "--users", str(number + number // 20), "--password", PASSWORD)
        command = _shared.flask(home, *seed, **settings)
        printed, _ = command.communicate()
        assert command.returncode == 0, printed
        people = emails(program.client.log_in(*ADMIN.values()), number)
        steady_rate = steady(program, people, seconds)
        time.sleep(SETTLED_SECONDS)
        workers = _shared.children(program.process.pid)
        url = f"http://127.0.0.1:{program.port}"
        reads = {"clients": 4, "rate": READS_PER_SECOND, "mix": {"read": 1}}
        with _load.running(url, **reads) as load:
            idle_from = time.monotonic()
            time.sleep(seconds)
            before = {pid: _shared.resident(pid) for pid in workers}
            began = time.monotonic()
            with watched(workers) as most:
                told = stampede(program.port, people)
            ended = time.monotonic()
        judge(report, told, steady_rate=steady_rate, slack=arguments.slack)
        idle = _load.quantile(load.between(idle_from, began), 0.99)
        reading = load.between(min(one[2] for one in told), ended)
        herd = _load.quantile(reading, 0.99)
        report.promise(
            "p99 of GET me, idle and in the herd",
            f"{idle * 1000:.1f} and {herd * 1000:.1f} ms",
            "<= 2 x idle",
            is_kept=herd <= 2 * arguments.slack * max(idle, TICK_SECONDS),
        )
        bad = [asked for asked in reading if not asked.is_good]
        report.promise("GET me that failed", len(bad), "0", is_kept=not bad)
        growth = max(most[pid] - before[pid] for pid in workers)
        report.promise(
            "memory that a process gained",
            _shared.mib(growth),
            "<= 64 MiB",
            is_kept=growth <= MOST_GROWTH,
        )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
