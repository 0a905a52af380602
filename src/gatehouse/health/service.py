"""What the service needs: the database; what it can do without for a while: Redis."""

import structlog
from sqlalchemy import literal, select
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.core.errors import Unavailable
from gatehouse.infra import db, keys, lifecycle, redis

logger = structlog.get_logger(__name__)


class NotReady(Unavailable):
    """The database does not answer, DATA_KEYS are old, or a stop is near; `GET /ready` only."""

    code = "not_ready"
    title = "The service takes no requests now"
    remedy = "Send no requests here until it says 200."


def readiness() -> str:
    """Return "ready" or "degraded"; raises NotReady."""
    if lifecycle.draining():
        raise NotReady
    try:
        db.reader.scalar(select(literal(1)))
        is_unreadable = keys.current().is_unreadable
    except SQLAlchemyError as error:
        logger.warning("database_not_ready", error=type(error).__name__)
        raise NotReady from None
    if is_unreadable:
        # Instances with other settings may open it. The log has said so when it was read.
        raise NotReady
    return "ready" if _shares() else "degraded"


def _shares() -> bool:
    """Tell whether Redis answers, where there is one; limits count per process without it."""
    client = redis.client()
    if client is None:
        return True
    try:
        return bool(client.ping())
    except redis.ERRORS:
        return False
