"""Judging a password: the guess is counted before it is judged, and given back if it was right.

Two units of work with the slow hash between them, and no connection held meanwhile. All spellings
of a person's name, and every door that asks for the password, share one counter. The owner at a
known place has a bucket of their own, so that a stranger's guesses do not shut them out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gatehouse import audit
from gatehouse.core import clock
from gatehouse.core.errors import Refusal
from gatehouse.core.network import bucket
from gatehouse.core.principal import Origin
from gatehouse.guessing import repository
from gatehouse.guessing.errors import GuessingThrottled, WrongPassword
from gatehouse.guessing.vocabulary import LOCKS, GuessingEvent
from gatehouse.infra import db, hashing, metrics, secrets


@dataclass(frozen=True, slots=True)
class Candidate:
    """The account at which a guess is aimed; all None for a (folded) name that nobody has."""

    name: str
    user_id: UUID | None = None
    password_hash: str | None = None
    is_known_place: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one guess; `refund` belongs into the second unit."""

    candidate: Candidate
    counter_key: str
    is_right: bool
    failures_before: int
    new_hash: str | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A current password that was right, and the hash and epoch it was right for."""

    user_id: UUID
    password_hash: str
    epoch: int


def judge(candidate: Candidate, password: str, *, origin: Origin) -> Judgement:
    """Count the guess, then verify it; raises GuessingThrottled or HashQueueFull.

    Exactly one verification of like cost is made, whoever the candidate is. Opens a unit.
    """
    key = _key(candidate, origin)
    try:
        with db.unit():
            failures = _reserve(candidate, key, clock.now())
    except GuessingThrottled:
        metrics.count(LOCKS)
        audit.record_throttled(GuessingEvent.THROTTLED, subject_id=candidate.user_id, origin=origin)
        raise
    try:
        verified = hashing.verify_password(password, candidate.password_hash)
    except Refusal:
        # The queue was full, so nothing was judged and nothing may be counted.
        with db.unit():
            repository.refund(key)
        raise
    is_right = verified.ok and candidate.user_id is not None
    return Judgement(candidate, key, is_right, failures - 1, verified.new_hash)


def refund(judgement: Judgement) -> None:
    """Give a right guess back, in the caller's second unit."""
    repository.refund(judgement.counter_key)


def remember_place(user_id: UUID, *, origin: Origin) -> None:
    """Make the address of a completed log-in a known place, in the caller's unit."""
    repository.remember_place(user_id, bucket(origin.address), clock.now())


def export(user_id: UUID) -> dict[str, Any]:
    """Return the places from which a person has logged in."""
    return {"known_places": [dict(row._mapping) for row in repository.places_of(user_id)]}


def forget(user_id: UUID) -> None:
    """Clear the account's counters and all known places, as a completed reset does."""
    clear(user_id)
    repository.forget_places(user_id)


def clear(user_id: UUID) -> None:
    """Clear the account's counters, those of its known places too, in the caller's unit."""
    places = repository.places(user_id)
    repository.clear([_account_key(user_id), *(_place_key(user_id, place) for place in places)])


def check_current_password(user_id: UUID, password: str, *, origin: Origin) -> Verified:
    """Verify the password of a known person, by the same counter as log-in.

    Raises WrongPassword, GuessingThrottled or HashQueueFull. Opens units: call it outside of one.
    """
    with hashing.queued(str(user_id)):
        row = repository.account(user_id, bucket(origin.address), clock.now())
        if row is None:
            raise WrongPassword
        candidate = Candidate(str(user_id), user_id, row.password_hash, row.is_known_place)
        judgement = judge(candidate, password, origin=origin)
    if not judgement.is_right:
        raise WrongPassword
    with db.unit():
        refund(judgement)
    return Verified(user_id, row.password_hash, row.session_epoch)


def purge() -> None:
    """Forget counters and places that are too old to count."""
    with db.unit():
        repository.purge(clock.now())


def _reserve(candidate: Candidate, key: str, now: datetime) -> int:
    if candidate.is_known_place:
        failures = repository.reserve_from_place(key, now)
    else:
        failures = repository.reserve_from_anywhere(key, now)
    if failures is None:
        raise GuessingThrottled(_remaining_seconds(candidate, key, now))
    return failures


def _remaining_seconds(candidate: Candidate, key: str, now: datetime) -> float:
    row = repository.counter(key)
    day_end = row.day_started_at + repository.DAY
    if candidate.is_known_place:
        is_day_spent = row.day_count >= repository.PLACE_DAY
        burst_end = row.burst_started_at + repository.PLACE_BURST_WINDOW
    else:
        is_day_spent = row.day_count >= repository.JUDGED_A_DAY
        burst_end = row.last_at + timedelta(seconds=repository.wait_seconds(row.failures))
    return float(((day_end if is_day_spent else burst_end) - now).total_seconds())


def _key(candidate: Candidate, origin: Origin) -> str:
    if candidate.user_id is None:
        return secrets.mac(secrets.Purpose.COUNTER, "name", candidate.name)
    if candidate.is_known_place:
        return _place_key(candidate.user_id, bucket(origin.address))
    return _account_key(candidate.user_id)


def _account_key(user_id: UUID) -> str:
    return secrets.mac(secrets.Purpose.COUNTER, "account", str(user_id))


def _place_key(user_id: UUID, place: str) -> str:
    return secrets.mac(secrets.Purpose.COUNTER, "place", str(user_id), place)
