"""Opening, refreshing and ending sessions; every function runs in the caller's unit of work."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gatehouse import audit
from gatehouse.core import clock
from gatehouse.core.ids import new_id
from gatehouse.core.network import bucket
from gatehouse.core.principal import Origin
from gatehouse.infra import db
from gatehouse.sessions import repository
from gatehouse.sessions.errors import RefreshTokenInvalid, RefreshTokenReused, SessionNotFound
from gatehouse.sessions.models import Session
from gatehouse.sessions.refresh_tokens import RefreshClaims
from gatehouse.sessions.vocabulary import SessionEvent
from gatehouse.settings import settings

SHOWN_GRANULARITY = timedelta(minutes=15)
KEPT_AFTER_END = timedelta(days=7)


def start(user_id: UUID, *, epoch: int, origin: Origin, amr: Sequence[str]) -> Session:
    """Open a session for a person whose credentials were verified in `epoch`."""
    now = clock.now()
    expires_at = now + timedelta(days=settings.session_absolute_days)
    place = bucket(origin.address)
    return repository.add(
        {
            "id": new_id(),
            "user_id": user_id,
            "epoch": epoch,
            "generation": 0,
            "created_at": now,
            "last_used_at": now,
            "rotated_at": now,
            "idle_expires_at": min(now + timedelta(days=settings.session_idle_days), expires_at),
            "expires_at": expires_at,
            "auth_time": now,
            "amr": " ".join(amr),
            "address": origin.address,
            "place": place,
            "user_agent": origin.user_agent,
            "rotated_place": place,
            "rotated_agent": origin.user_agent,
        }
    )


def refresh(claims: RefreshClaims, *, origin: Origin) -> Session:
    """Spend a refresh token and return the session with its successor generation.

    The generation before is answered with the same successor for REFRESH_REUSE_GRACE_SECONDS to
    the client that rotated it. Any other replay revokes the session (RFC 9700, section 4.14.2).
    """
    now = clock.now()
    rotated = repository.rotate(
        claims.session_id,
        claims.generation,
        now=now,
        idle_end=now + timedelta(days=settings.session_idle_days),
        used_at=_shown(now),
        place=bucket(origin.address),
        agent=origin.user_agent,
    )
    return rotated or _successor_again(claims, now=now, origin=origin)


def end(session_id: UUID, *, user_id: UUID, origin: Origin) -> None:
    """End one living session of a person; raises SessionNotFound for anybody else's."""
    if not repository.revoke(clock.now(), user_id=user_id, session_id=session_id):
        raise SessionNotFound
    audit.record(
        SessionEvent.ENDED,
        actor_id=user_id,
        subject_id=user_id,
        origin=origin,
        target=str(session_id),
    )


def revoke_all(user_id: UUID, *, except_id: UUID | None = None) -> int:
    """End every session of a person but one; return how many ended."""
    return len(repository.revoke(clock.now(), user_id=user_id, except_id=except_id))


def carry_along(session_id: UUID, epoch: int) -> None:
    """Let a session live on in the new epoch of its account."""
    repository.set_epoch(session_id, epoch)


def list_of(user_id: UUID, *, current_id: UUID | None = None) -> list[dict[str, Any]]:
    """Return the living sessions of a person as members of `SessionOut`, the latest first."""
    return [
        {**row._mapping, "amr": row.amr.split(), "is_current": row.id == current_id}
        for row in repository.living_of(user_id, clock.now())
    ]


def living_among(session_ids: Collection[UUID]) -> set[UUID]:
    """Return those of some sessions that are good for a request now, by one query."""
    return repository.living_among(session_ids, clock.now())


def export(user_id: UUID) -> dict[str, Any]:
    """Return every log-in of a person that is still kept."""
    return {"sessions": [dict(row._mapping) for row in repository.all_of(user_id)]}


def forget(user_id: UUID) -> None:
    """Delete a person's sessions, in the present unit."""
    repository.remove_all(user_id)


def purge() -> None:
    """Delete sessions that ended a week ago, batch by batch."""
    before = clock.now() - KEPT_AFTER_END
    while True:
        with db.unit():
            count = repository.purge(before)
        if count < repository.PURGE_BATCH:
            return


def _successor_again(claims: RefreshClaims, *, now: datetime, origin: Origin) -> Session:
    current = repository.by_id(claims.session_id)
    is_living = (
        current is not None
        and current.revoked_at is None
        and now < min(current.idle_expires_at, current.expires_at)
        and repository.is_account_in_epoch(current.user_id, current.epoch)
    )
    if current is None or not is_living:
        raise RefreshTokenInvalid
    grace = timedelta(seconds=settings.refresh_reuse_grace_seconds)
    if (
        claims.generation == current.generation - 1
        and grace
        and now - current.rotated_at < grace
        and current.rotated_place == bucket(origin.address)
        and current.rotated_agent == origin.user_agent
    ):
        return current
    repository.revoke(now, session_id=current.id)
    audit.record(
        SessionEvent.REUSE_DETECTED,
        actor_id=None,
        subject_id=current.user_id,
        origin=origin,
        target=str(current.id),
    )
    raise RefreshTokenReused


def _shown(moment: datetime) -> datetime:
    past = moment.timestamp() % SHOWN_GRANULARITY.total_seconds()
    return moment - timedelta(seconds=past)
