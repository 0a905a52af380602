"""Erasing an account for good: every feature forgets the person, and the ledger keeps ids only."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from gatehouse.core import clock
from gatehouse.core.errors import PreconditionFailed
from gatehouse.core.principal import Origin, Principal
from gatehouse.feature import slots
from gatehouse.infra import db, jobs, mail
from gatehouse.infra.logs import logger
from gatehouse.settings import settings
from gatehouse.users import repository
from gatehouse.users.errors import UserNotFound
from gatehouse.users.service import rank
from gatehouse.users.service.ledger import record
from gatehouse.users.vocabulary import UserEvent, UserPermission

# As many as one run of the housekeeping erases; what is left waits for the next one.
BATCH = 1_000
_HOUSEKEEPING = Origin(address="", user_agent="housekeeping", request_id="")


def erase(
    user_id: UUID,
    *,
    actor: Principal | None,
    origin: Origin,
    expected_versions: Collection[int] | None = None,
) -> None:
    """Erase an account, deleted or not, and all that is kept about the person; in the unit.

    Raises UserNotFound, MissingPermission, TargetOutranks, LastSuperAdmin or PreconditionFailed.
    """
    # Nobody may refer to the account from here on: a log-in that races is refused by the database.
    row = repository.locked(user_id, is_to_go=True)
    if row is None:
        raise UserNotFound
    is_open = row.is_active and row.deleted_at is None
    guard = rank.require_to_close if is_open else rank.require
    guard(actor, UserPermission.DELETE, target_id=user_id)
    if expected_versions is not None and row.version not in expected_versions:
        raise PreconditionFailed
    # Before the ledger forgets: who erases themselves leaves no address either.
    record(UserEvent.ERASED, user_id, actor=actor, origin=origin)
    # The later ones first: they may look into what the earlier ones keep.
    for forget_person in reversed(slots().erasers):
        forget_person(user_id)
    repository.remove(user_id)


def forget(user_id: UUID) -> None:
    """Forget the person's mail and waiting work, in the present unit."""
    mail.forget(user_id)
    jobs.forget(user_id)


def erase_expired() -> None:
    """Erase accounts that were deleted longer ago than RETENTION_DAYS, each in its own unit.

    One that cannot be erased keeps none of the others from it.
    """
    before = clock.now() - timedelta(days=settings.retention_days)
    failure: Exception | None = None
    for user_id in repository.deleted_before(before, limit=BATCH):
        try:
            with db.unit():
                row = repository.locked(user_id, is_to_go=True)
                # Restored or erased meanwhile.
                if row is not None and row.deleted_at is not None and row.deleted_at < before:
                    erase(user_id, actor=None, origin=_HOUSEKEEPING)
        except Exception as error:
            logger.error("erasure_failed", user_id=str(user_id), error=type(error).__name__)
            failure = error
    if failure is not None:
        raise failure
