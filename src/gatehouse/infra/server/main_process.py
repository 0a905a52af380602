"""gunicorn's main process: what it tells, how it stops, and that it outlives its workers."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from gunicorn.arbiter import Arbiter

from gatehouse.infra import lifecycle
from gatehouse.settings import Settings


def die_before_the_main_process() -> None:
    """Let Linux, when memory runs out, end a worker: the main process replaces it.

    Nothing would replace the main process. Everybody may raise their own score.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def tells_something(record: logging.LogRecord) -> bool:
    """Tell whether a line of gunicorn's start is worth a place in the log.

    With `reuse_port` the main process listens nowhere, so it would name no address.
    """
    return not str(record.msg).startswith(("Listening at: ", "Using worker: "))


def stop_gracefully(arbiter: Arbiter, settings: Settings) -> None:
    """Let SIGTERM and SIGINT of gunicorn's main process lower readiness first, then stop.

    For SHUTDOWN_DELAY_SECONDS the workers go on as before, while `/ready` says 503 and a proxy
    turns away. Then they finish what is in flight. A second signal ends the delay at once.
    """
    stop: Callable[[], NoReturn] = arbiter.handle_term  # leaves the main loop by StopIteration
    delay_seconds = settings.shutdown_delay_seconds

    def drain_then_stop() -> None:
        if lifecycle.draining() or not delay_seconds:
            lifecycle.start_draining()
            stop()
        lifecycle.start_draining()
        arbiter.log.info("draining for %s s", delay_seconds)
        signal.setitimer(signal.ITIMER_REAL, delay_seconds)

    # The alarm only queues a signal as any other, so the main loop (which replaces workers that
    # die) runs on during the delay.
    signal.signal(signal.SIGALRM, lambda *_: arbiter.SIG_QUEUE.put_nowait(signal.SIGTERM))
    arbiter.handle_term = arbiter.handle_int = drain_then_stop
