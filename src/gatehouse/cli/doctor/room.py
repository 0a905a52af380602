"""Room to work in: space on the disk, and file descriptors for all threads."""

import resource
import shutil
from pathlib import Path

from sqlalchemy import make_url

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.settings import settings

_SCARCE_BYTES, _SPENT_BYTES = 1024 * 2**20, 100 * 2**20
_SCARCE_SHARE = 0.05
# Log, templates, mail, the queue of the worker, and what Python itself holds open.
_OTHER_DESCRIPTORS = 64


def findings() -> Findings:
    """Look at the disk of what this machine keeps, and at the limit of open files."""
    yield from _disk()
    yield from _descriptors()


def _disk() -> Findings:
    folder = settings.instance_dir
    if settings.is_sqlite:
        folder = Path(make_url(settings.database_url).database or "").parent
    elif settings.is_production and not folder.exists():
        return
    used = shutil.disk_usage(folder)
    free = f"{used.free / 2**30:.1f} GiB of {used.total / 2**30:.1f} GiB are free at {folder}"
    remedy = "make room, or move INSTANCE_DIR to a larger disk"
    if used.free < _SPENT_BYTES:
        yield wrong("disk", f"{free}: writing will fail soon", remedy)
    elif used.free < min(_SCARCE_BYTES, used.total * _SCARCE_SHARE):
        yield odd("disk", free, remedy)
    else:
        yield fine("disk", free)


def _descriptors() -> Findings:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    threads = settings.threads
    # A connection of a client and one of the database for each thread, and the writers' ones.
    wanted = 2 * threads + max(1, threads // 2) + _OTHER_DESCRIPTORS
    if allowed in (resource.RLIM_INFINITY, -1) or allowed >= wanted:
        yield fine("open files", f"enough for {threads} threads")
    else:
        yield wrong(
            "open files",
            f"a process may open {allowed}, and {threads} threads need {wanted}",
            f"ulimit -n {wanted} (LimitNOFILE= in a systemd unit), or fewer THREADS",
        )
