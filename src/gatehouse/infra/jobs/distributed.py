"""Celery: it carries the ids of rows to processes that perform them, and decides nothing.

The row alone knows whether it waits, is claimed or is done, so a message may be lost, late or
there twice. What lost its message is found by a sweep, which beat starts every few seconds.
"""

import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from celery import Celery, signals
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.infra import logs
from gatehouse.infra.jobs import runner
from gatehouse.infra.logs import logger
from gatehouse.settings import Settings

QUEUE = "gatehouse"
PERFORM, SWEEP = "gatehouse.perform", "gatehouse.sweep"
SWEEP_SECONDS = 5.0
# The sweep fills the queue up to here. A worker that is slow or away finds no heap of repetitions.
MOST_MESSAGES = 500
# A process that hangs is told so, then killed, before its lease ends and another one begins.
SOFT_MARGIN, HARD_MARGIN = timedelta(seconds=15), timedelta(seconds=8)
# Longer than any lease: a message comes back after it only where the sweep has failed too.
VISIBILITY_SECONDS = 1800
_CHATTER = ("celery.app.trace", "celery.worker.strategy", "celery.beat")


def make(settings: Settings, **transport: Any) -> Celery:
    """Return the Celery application of these settings; connects to nothing."""
    url = (settings.broker_url or "").replace("unix://", "redis+socket://", 1)
    scheme = urlsplit(url).scheme
    is_redis = scheme.startswith("redis")
    celery = Celery("gatehouse", broker=url, set_as_current=False)
    celery.conf.update(
        broker_use_ssl=_verified(scheme),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=(
            {"visibility_timeout": VISIBILITY_SECONDS, "global_keyprefix": "gatehouse:"} | transport
            if is_redis
            else transport
        ),
        # Nothing but JSON is read, and no result is kept: the row has it.
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=QUEUE,
        # A message is done with when its work is, or when its process has died of it: both may
        # repeat it, and the row then says that there is nothing to do.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        **_time_limits(runner.LEASE, "task_"),
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Beat keeps no file of its own: it has one entry, and two beats do no harm.
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={
            "sweep": {
                "task": SWEEP,
                "schedule": SWEEP_SECONDS,
                "options": {"expires": SWEEP_SECONDS},
            }
        },
    )
    return celery


def publish(celery: Celery, entry_id: UUID, *, is_housekeeping: bool = False, **how: Any) -> None:
    """Send the id of a row to the workers."""
    limits = _time_limits(runner.PERIODIC_LEASE) if is_housekeeping else {}
    celery.send_task(PERFORM, args=[str(entry_id)], **limits, **how)


def queued(celery: Celery) -> int:
    """Return how many messages wait for a worker."""
    with celery.connection_or_acquire() as connection:
        # Declared as it is anyway: asked passively, Redis knows no queue that has a prefix.
        declared = connection.default_channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        return int(declared.message_count)


def install(app: Flask, *, begin: Callable[[Flask], None], end: Callable[[Flask], None]) -> Celery:
    """Return what `celery -A` runs: the two tasks, over the services of `app`.

    `begin` and `end` are called in each process that does work, at its start and its end.
    """
    settings: Settings = app.config["SETTINGS"]
    celery = make(settings)

    def perform(entry_id: str) -> None:
        with app.app_context():
            _watched(runner.run_one, UUID(entry_id))

    def sweep() -> None:
        with app.app_context():
            _watched(_sweep, celery)

    celery.task(perform, name=PERFORM)
    celery.task(sweep, name=SWEEP)
    _keep_logs(settings)
    signals.worker_process_init.connect(lambda **_: begin(app), weak=False)
    signals.worker_process_shutdown.connect(lambda **_: end(app), weak=False)
    return celery


def _sweep(celery: Celery) -> None:
    """Send the ids of rows that are due, housekeeping among them, as far as there is room."""
    runner.ensure_periodic()
    room = MOST_MESSAGES - queued(celery)
    for entry_id, is_housekeeping in runner.due(max(0, room)):
        publish(celery, entry_id, is_housekeeping=is_housekeeping)


def _watched(function: Any, argument: Any) -> None:
    """Call a function; without the database there is nothing to do, and the row waits."""
    try:
        function(argument)
    except SQLAlchemyError as error:
        logger.warning("jobs_interrupted", error=type(error).__name__)


def _keep_logs(settings: Settings) -> None:
    """Let Celery's processes log as ours do."""

    def configure(**_: Any) -> None:
        logs.configure(settings, quiet=_CHATTER)

    signals.setup_logging.connect(configure, weak=False)


def _time_limits(lease: timedelta, prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}soft_time_limit": (lease - SOFT_MARGIN).total_seconds(),
        f"{prefix}time_limit": (lease - HARD_MARGIN).total_seconds(),
    }


def _verified(scheme: str) -> dict[str, Any] | None:
    """Return how the broker's certificate and name are checked, for the schemes that have one."""
    if scheme == "rediss":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if scheme == "amqps":
        # None stands for the host of the URL; left out, the name would not be looked at.
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    return None
