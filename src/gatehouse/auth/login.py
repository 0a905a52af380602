"""Logging in: reserve the attempt, hash, record the outcome. Two units, nothing held between."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from gatehouse import audit, guessing, one_time, roles, sessions, users
from gatehouse.auth import access_tokens, repository, second_factor
from gatehouse.auth.errors import InvalidCredentials, PasswordChangeRequired
from gatehouse.auth.repository import Account
from gatehouse.auth.vocabulary import LOGIN_FAILURES, LOGINS, REFRESH_SESSION, AuthEvent
from gatehouse.core import clock
from gatehouse.core.errors import Refusal
from gatehouse.core.network import bucket
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import db, hashing, limits, mail, metrics
from gatehouse.sessions import Session, SessionEvent
from gatehouse.settings import settings

FAILURES_WORTH_A_NOTICE = 10


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in or a refresh gives (RFC 6749, section 5.1); `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


@metrics.outcome_of(LOGINS)
def log_in(name: str, password: str, *, origin: Origin) -> Tokens:
    """Open a session for the person with this e-mail or username.

    Raises InvalidCredentials alike for unknown, wrong and inactive, GuessingThrottled,
    RateLimited, HashQueueFull, PasswordChangeRequired and what the second factor asks for.
    """
    # Also the counter of a name that nobody has knows it by this form: a spelling that is the
    # same address for an account, and another name for none, would tell which there is.
    folded = users.fold_login_name(name)
    with hashing.queued(folded):
        account, judgement = _judge(folded, password, origin=origin)
    if account is None or not judgement.is_right or not account.is_active:
        _record_failure(judgement, origin=origin)
        raise InvalidCredentials
    try:
        return _open(account, judgement, origin=origin)
    except IntegrityError:
        # Erased while its password was judged, so that no session can refer to it.
        raise InvalidCredentials from None


def refresh(token: str, *, origin: Origin) -> Tokens:
    """Spend a refresh token; raises RefreshTokenInvalid or RateLimited."""
    claims = sessions.refresh_tokens.decode(token)
    limits.hit(REFRESH_SESSION, str(claims.session_id))
    with db.unit():
        return tokens_of(sessions.refresh(claims, origin=origin))


def reauthenticate(
    caller: Principal, password: str, *, session_id: UUID, origin: Origin
) -> dict[str, Any]:
    """Return an access token of the same session with a new `auth_time` (RFC 9470).

    A wrong password is a denial, which the ledger notes at the door as all others.
    """
    guessing.check_current_password(caller.user_id, password, origin=origin)
    with db.unit():
        _note(AuthEvent.REAUTHENTICATED, caller.user_id, actor_id=caller.user_id, origin=origin)
        token = access_tokens.issue(
            caller.user_id,
            session_id,
            auth_time=clock.now(),
            amr=caller.amr,
            extra=_wanted_claims(caller.user_id),
        )
    return {"access_token": token, "token_type": "Bearer", "expires_in": _expires_in()}


def end_other_sessions(caller: Principal, *, origin: Origin) -> None:
    """End every session of the caller but the present one, in the caller's unit."""
    users.raise_epoch(caller.user_id, keep_session_id=caller.session_id)
    audit.record(
        SessionEvent.ALL_ENDED,
        actor_id=caller.user_id,
        subject_id=caller.user_id,
        origin=origin,
    )


def tokens_of(session: Session) -> Tokens:
    """Return the tokens of a session's present generation, in the caller's unit."""
    return Tokens(
        access_token=access_tokens.issue(
            session.user_id,
            session.id,
            auth_time=session.auth_time,
            amr=tuple(session.amr.split()),
            extra=_wanted_claims(session.user_id),
        ),
        refresh_token=sessions.refresh_tokens.encode(session),
        expires_in=_expires_in(),
    )


def _judge(
    folded: str, password: str, *, origin: Origin
) -> tuple[Account | None, guessing.Judgement]:
    place = bucket(origin.address)
    account = repository.candidate(folded, place=place, now=clock.now())
    is_known_place = account is not None and account.is_known_place
    if not is_known_place:
        limits.test(LOGIN_FAILURES, place)
    candidate = guessing.Candidate(
        folded,
        account.id if account else None,
        account.password_hash if account else None,
        is_known_place,
    )
    return account, guessing.judge(candidate, password, origin=origin)


def _open(account: Account, judgement: guessing.Judgement, *, origin: Origin) -> Tokens:
    with db.unit():
        # The account's row before its counter, in the order of a reset and of an erasure.
        if judgement.new_hash:
            users.rehash(
                account.id, verified_hash=account.password_hash, new_hash=judgement.new_hash
            )
        refusal = _unfinished(account) or second_factor.refusal(account.id)
        session = None if refusal else _start(account, judgement, origin=origin)
        guessing.refund(judgement)
        if session is not None:
            return tokens_of(session)
        assert refusal is not None
        _note(AuthEvent.LOGIN_UNFINISHED, account.id, origin=origin, actor_id=account.id)
    raise refusal


def _unfinished(account: Account) -> Refusal | None:
    """Ask for a password of the person's own where somebody else has set the present one."""
    if not account.must_change_password:
        return None
    purpose = one_time.Purpose.PASSWORD_CHANGE
    token_id = one_time.issue(
        purpose, user_id=account.id, address=None, epoch=account.session_epoch
    )
    return PasswordChangeRequired(one_time.token(token_id, purpose))


def _start(account: Account, judgement: guessing.Judgement, *, origin: Origin) -> Session:
    session = sessions.start(account.id, epoch=account.session_epoch, origin=origin, amr=("pwd",))
    is_surprising = not judgement.candidate.is_known_place
    guessing.remember_place(account.id, origin=origin)
    audit.record(
        SessionEvent.STARTED,
        actor_id=account.id,
        subject_id=account.id,
        origin=origin,
        target=str(session.id),
        details={"is_new_place": True} if is_surprising else None,
    )
    if is_surprising and judgement.failures_before >= FAILURES_WORTH_A_NOTICE:
        mail.queue("login_after_failures", to=account.email, user_id=account.id, context={})
    return session


def _record_failure(judgement: guessing.Judgement, *, origin: Origin) -> None:
    if not judgement.candidate.is_known_place:
        limits.count(LOGIN_FAILURES, bucket(origin.address))
    with db.unit():
        _note(AuthEvent.LOGIN_FAILED, judgement.candidate.user_id, origin=origin)


def _note(
    event: AuthEvent, subject_id: UUID | None, *, origin: Origin, actor_id: UUID | None = None
) -> None:
    audit.record(event, actor_id=actor_id, subject_id=subject_id, origin=origin)


def _wanted_claims(user_id: UUID) -> dict[str, Any]:
    """Return the claims that TOKEN_CLAIMS adds, for services that cannot ask back; in a unit."""
    claims: dict[str, Any] = {}
    if "roles" in settings.token_claims:
        claims["roles"] = roles.names_of(user_id)
    if "scope" in settings.token_claims:
        claims["scope"] = " ".join(sorted(roles.permissions_of(user_id)))
    return claims


def _expires_in() -> int:
    return int(access_tokens.lifetime().total_seconds())
