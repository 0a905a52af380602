"""The Celery application: `celery -A gatehouse.worker worker`, and `… beat` beside it.

It has what the server has, so a job finds here what it finds in a thread of the server.
"""

import sys
from functools import cache
from typing import Any

from gatehouse import create_app
from gatehouse.infra import jobs
from gatehouse.infra.jobs import distributed
from gatehouse.settings import Settings, SettingsError


def __getattr__(name: str) -> Any:
    """Make `app` when Celery asks for it: importing the module alone reads no settings."""
    if name != "app":
        raise AttributeError(name)
    return _made()


@cache
def _made() -> Any:
    try:
        settings = Settings.load()
        if settings.jobs != "celery":
            sys.exit(f"JOBS: must be celery for a Celery worker (it is {settings.jobs})")
        return distributed.install(
            create_app(settings), begin=jobs.start_thread, end=jobs.stop_thread
        )
    except SettingsError as error:
        # A line for each bad variable says more than a stack trace.
        sys.exit("\n".join(error.problems))
