"""F20: no file descriptor is left, then no memory: a worker at most is replaced, nobody hangs."""

import argparse
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.support import started
from tests.support.started import ADMIN, Started
from trials import _load, _shared
from trials._cgroup import Group

WORKERS, DESCRIPTORS = 2, 128
CROWD, CLIENTS, RATE = 300, 10, 40
SPARE_BYTES = 24 * _shared.MIB
ANSWERED_SECONDS, RECOVERED_SECONDS = 3.0, 5.0
REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def crowd(port: int, count: int) -> Iterator[None]:
    """Keep so many connections that have asked once and are silent; they come again at once."""
    stopping = threading.Event()
    silent: dict[int, socket.socket] = {}

    def work() -> None:
        for number in range(sys.maxsize):
            if stopping.is_set():
                return
            with suppress(OSError):
                if old := silent.pop(number % count, None):
                    old.close()
                silent[number % count] = socket.create_connection(("127.0.0.1", port), timeout=5)
                silent[number % count].sendall(REQUEST)
                silent[number % count].recv(65536)
            time.sleep(0 if number < count else 0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        for one in silent.values():
            one.close()


def files(report: _shared.Report, program: Started, seconds: float) -> None:
    """Let a crowd take every descriptor of the workers while people go on."""
    workers = _shared.children(program.process.pid)
    with _load.running(program.url, clients=CLIENTS, rate=RATE) as load:
        time.sleep(3)
        began = time.monotonic()
        with crowd(program.port, CROWD):
            time.sleep(seconds)
        ended = time.monotonic()
        recovered = _load.wait_for(load, ended)
    meanwhile = load.between(began, ended)
    report.figure("files: answers", _load.counts(meanwhile))
    slowest = _load.quantile(meanwhile, 0.99)
    report.at_most("files: 99 % of answers, seconds", slowest, ANSWERED_SECONDS)
    died = set(workers) - set(_shared.children(program.process.pid))
    report.promise("files: workers that died", len(died), "0", is_kept=not died)
    what = "files: seconds to a read and a change afterwards"
    report.at_most(what, recovered, RECOVERED_SECONDS)
    _load.promise(report, load, program, name="files: ")


def kill_by_memory(program: Started, group: Group) -> bool:
    """Let memory run out until a worker has been killed; tell whether one has."""
    before, limit = set(_shared.children(program.process.pid)), time.monotonic() + 20
    eater = group.eat()
    try:
        while before <= set(_shared.children(program.process.pid)):
            if time.monotonic() > limit:
                return False
            time.sleep(0.002)
        return True
    finally:
        eater.kill()
        eater.wait()


def memory(report: _shared.Report, program: Started, group: Group, kills: int) -> None:
    """Let memory run out, again and again, while people go on."""
    killed, recovered = 0, []
    with _load.running(program.url, clients=CLIENTS, rate=RATE) as load:
        time.sleep(3)
        group.limit(SPARE_BYTES)
        began = time.monotonic()
        for _ in range(kills):
            killed += kill_by_memory(program, group)
            recovered.append(_load.wait_for(load, time.monotonic()))
            time.sleep(2)
    report.figure("memory: answers", _load.counts(load.between(began)))
    report.every("memory: a worker was ended for it", killed, kills)
    lives = program.process.poll() is None
    report.promise("memory: the main process lives", lives, "True", is_kept=lives)
    what = "memory: seconds to a read and a change (at most)"
    report.at_most(what, max(recovered), RECOVERED_SECONDS)
    _load.promise(report, load, program, name="memory: ")


def main() -> int:
    """Run the trial on PostgreSQL with Redis and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="without descriptors")
    parser.add_argument("--kills", type=int, default=10, help="for want of memory")
    arguments = parser.parse_args()
    report = _shared.Report(
        f"memory_and_files: {DESCRIPTORS} descriptors a process and {CROWD} silent clients;"
        f" memory that runs out {arguments.kills} times"
    )
    with ExitStack() as stack:
        stores = {"DATABASE_URL": _shared.postgresql(stack), "REDIS_URL": _shared.redis(stack)}
        settings = {**ADMIN, **_load.SETTINGS, "WORKERS": str(WORKERS), **stores}
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        group = None
        with suppress(OSError):  # the right to make one is root's
            group = Group(stack)
        program = started.start(home, **settings)
        stack.callback(started.stop, program)
        if group:
            group.add(program.process.pid)
        limits = (DESCRIPTORS, DESCRIPTORS)
        resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, limits)
        started.wait(program)
        files(report, program, arguments.seconds)
        if group:
            memory(report, program, group, arguments.kills)
        else:
            report.figure("memory: not shown", "no control group may be made here")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
