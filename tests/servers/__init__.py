"""Real PostgreSQL and Redis servers for tests and trials: given, found, or brought by packages.

`python -m tests.servers` starts both and prints their addresses until it is interrupted.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.servers import postgres, redis
from tests.servers.server import Server, ServerUnavailableError

Attempts = Callable[[ExitStack], Iterator[Callable[[], Server]]]
ATTEMPTS: dict[str, Attempts] = {"PostgreSQL": postgres.attempts, "Redis": redis.attempts}
VARIABLES = {"PostgreSQL": "TEST_DATABASE_URL", "Redis": "TEST_REDIS_URL"}

__all__ = ["ATTEMPTS", "VARIABLES", "Server", "ServerUnavailableError", "find"]


def find(name: str, stack: ExitStack) -> Server:
    """Return the first server that answers; what was started for it stops with the stack."""
    reasons = []
    for attempt in ATTEMPTS[name](stack):
        try:
            return attempt()
        except (ServerUnavailableError, OSError, subprocess.SubprocessError) as error:
            reasons.append(str(error))
    raise ServerUnavailableError("; ".join(reasons))
