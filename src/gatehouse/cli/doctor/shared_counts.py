"""Redis: does it answer in time, and is it needed here at all?"""

from time import perf_counter

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.infra import redis
from gatehouse.settings import settings


def findings() -> Findings:
    """Ask it for a sign of life, with the patience of a request."""
    client = redis.client()
    if client is None:
        if settings.workers > 1:
            yield odd(
                "redis",
                f"{settings.workers} workers without REDIS_URL: each counts limits for itself",
                "set REDIS_URL, which production requires, or WORKERS=1",
            )
        else:
            yield fine("redis", "not used: one process counts limits in its memory")
        return
    try:
        client.ping()
        start = perf_counter()
        client.ping()
    except redis.ERRORS as error:
        report = wrong if settings.workers > 1 else odd
        yield report(
            "redis",
            f"does not answer within {redis.PATIENCE_SECONDS * 1000:.0f} ms ({error}): "
            "limits are counted per worker meanwhile",
            "see that it runs and that REDIS_URL names it",
        )
        return
    yield fine("redis", f"answers in {(perf_counter() - start) * 1000:.1f} ms")
