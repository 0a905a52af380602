"""Whether PostgreSQL has room for the pools of all workers, with some left for commands."""

from sqlalchemy import text

from gatehouse.cli.doctor.finding import Findings, fine, odd, reading, wrong
from gatehouse.infra import db
from gatehouse.settings import settings

# Whoever migrates or looks after things, and the next generation of workers at a restart.
_KEPT_FREE = 5


@reading("connections")
def findings() -> Findings:
    """Compare what this installation may open with what the server allows."""
    if settings.is_sqlite or db.is_pooled():  # then the pooler has as many as it likes
        return
    readers, writers = settings.threads, max(1, settings.threads // 2)
    wanted = settings.workers * (readers + writers)
    most = int(db.reader.scalar(text("SHOW max_connections")))
    kept = int(db.reader.scalar(text("SHOW superuser_reserved_connections")))
    said = (
        f"{settings.workers} workers of this one instance open up to {wanted} connections "
        f"({readers} to read and {writers} to write each); the server allows {most - kept}"
    )
    if wanted + _KEPT_FREE > most - kept:
        report = wrong if wanted > most - kept else odd
        fitting = max(1, (most - kept - _KEPT_FREE) * 2 // (3 * settings.workers))
        yield report(
            "connections",
            said,
            f"raise max_connections, or set THREADS={fitting} or fewer WORKERS",
        )
    else:
        yield fine("connections", said)
