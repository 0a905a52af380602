"""The machine: what it is, how fast it is at this moment, and how many hashes it could make."""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import bcrypt

PEERS_PYTHON = Path(__file__).resolve().parents[1] / "build" / "peers" / "bin" / "python"
OURS = (
    *(
        "flask",
        "werkzeug",
        "gunicorn",
        "sqlalchemy",
        "psycopg",
        "flask-sqlalchemy",
        "flask-limiter",
    ),
    *("flask-jwt-extended", "flask-smorest", "marshmallow", "orjson", "redis", "bcrypt", "pyjwt"),
)
THEIRS = (
    *("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "uvicorn-worker"),
    *("gunicorn", "sqlalchemy", "asyncpg", "pyjwt", "pwdlib", "bcrypt"),
    *("django", "djangorestframework", "djoser"),
)
_BURST_SECONDS = 0.15
_SLOW = 0.88


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Calibration:
    """Tells a slow moment of the machine: a noisy neighbour costs more than any layer of a service.

    The measure is work that needs nothing but the cores, all of them at once.
    """

    def __init__(self) -> None:
        self._best = max(_speed() for _ in range(5))
        self.seen: list[float] = []

    def wait(self, *, longest_seconds: float) -> float:
        """Wait for a moment that is not slow, at most so long; return the present speed."""
        limit = time.monotonic() + longest_seconds
        while (speed := self.now()) < _SLOW and time.monotonic() < limit:
            time.sleep(0.3)
        return speed

    def now(self) -> float:
        """Return the present speed, as a part of the best that was seen."""
        speed = _speed()
        self._best = max(self._best, speed)
        self.seen.append(speed / self._best)
        return speed / self._best

    @staticmethod
    def is_slow(speed: float) -> bool:
        """Tell whether a measurement at this speed should be repeated."""
        return speed < _SLOW

    def describe(self) -> dict[str, float]:
        """Return how steady the machine was."""
        return {"median": statistics.median(self.seen), "worst": min(self.seen)}


def raw_bcrypt(seconds: float) -> float:
    """Return how many passwords a second bcrypt alone checks, cost 12, on all cores."""
    hashed = bcrypt.hashpw(b"a long password", bcrypt.gensalt(12))
    return sum(_on_all_cores(lambda: bcrypt.checkpw(b"a long password", hashed), seconds))


def describe() -> dict[str, str]:
    """Return the machine and the versions, in words."""
    return {
        "processor": _processor(),
        "cores": str(cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {_distribution()}",
        "Python": platform.python_version(),
        "wrk": _wrk_version(),
        "packages": _packages(OURS, importlib.metadata.version),
        "packages of the peers": _packages(THEIRS, _peer_versions().__getitem__),
    }


def wrk() -> str | None:
    """Return where wrk is, None where it is not."""
    return shutil.which("wrk")


def _speed() -> float:
    return sum(_on_all_cores(_work, _BURST_SECONDS))


def _work() -> None:
    # The interpreter lets go of its lock while this runs.
    hashlib.pbkdf2_hmac("sha256", b"speed", b"now", 1000)


def _on_all_cores(work: Callable[[], object], seconds: float) -> list[float]:
    """Return how often a second each of as many threads as cores did its work."""
    rates: list[float] = []

    def run() -> None:
        began, count = time.perf_counter(), 0
        while (taken := time.perf_counter() - began) < seconds:
            work()
            count += 1
        rates.append(count / taken)

    threads = [threading.Thread(target=run) for _ in range(cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rates


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown distribution"


def _wrk_version() -> str:
    # It prints its version and then that it lacks a URL.
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).split()
    return words[1] if len(words) > 1 else "?"


def _peer_versions() -> dict[str, str]:
    text = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([PEERS_PYTHON, "-c", text], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _packages(names: tuple[str, ...], version: Callable[[str], str]) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)
