"""Passwords: which one a person may have, and how it is replaced."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gatehouse import audit, guessing, one_time, sessions
from gatehouse.core import clock, passwords
from gatehouse.core.errors import Unprocessable
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import db, hashing, mail
from gatehouse.settings import settings
from gatehouse.users import repository
from gatehouse.users.errors import PasswordChangedMeanwhile, UserNotFound
from gatehouse.users.models import users
from gatehouse.users.vocabulary import UserEvent


def check_password(password: str, person: Mapping[str, Any], *, field: str = "password") -> None:
    """Raise Unprocessable, naming `field`, unless `person` may have this password.

    `person` maps `email`, `username` and `name`, each of which may be missing or None.
    """
    own = [person[name] for name in ("email", "username", "name") if person.get(name)]
    problems = passwords.check(
        password, min_length=settings.password_min_length, own=own, product=settings.product_name
    )
    if problems:
        raise Unprocessable(errors={field: problems})


def change_own(
    principal: Principal, *, current_password: str, new_password: str, origin: Origin
) -> None:
    """Replace the caller's password and end their other sessions.

    Of two changes at once the one whose UPDATE still finds the verified hash wins (C13).
    """
    check_password(new_password, principal.user, field="new_password")
    verified = guessing.check_current_password(principal.user_id, current_password, origin=origin)
    new_hash = hashing.hash_password(new_password)
    with db.unit():
        epoch = repository.set_columns(
            principal.user_id,
            _replacement(new_hash, must_change=False),
            where=(users.c.password_hash == verified.password_hash)
            & (users.c.session_epoch == verified.epoch)
            & users.c.is_active
            & users.c.deleted_at.is_(None),
        )
        if epoch is None:
            raise PasswordChangedMeanwhile
        if principal.session_id is not None:
            sessions.carry_along(principal.session_id, epoch)
        _after_change(
            principal.user_id, principal.user["email"], except_session=principal.session_id
        )
        audit.record(
            UserEvent.PASSWORD_CHANGED,
            actor_id=principal.user_id,
            subject_id=principal.user_id,
            origin=origin,
        )


def set_password(
    user_id: UUID,
    *,
    password_hash: str,
    origin: Origin,
    actor_id: UUID | None = None,
    must_change: bool = False,
) -> None:
    """Replace a person's hash in the present unit; their sessions and older tokens end.

    Whoever calls this has checked that they may.
    """
    row = repository.locked(user_id)
    if row is None or row.deleted_at is not None:
        raise UserNotFound
    repository.set_columns(user_id, _replacement(password_hash, must_change=must_change))
    template = "new_password_required" if must_change else "password_changed"
    _after_change(user_id, row.email, template=template)
    audit.record(
        UserEvent.PASSWORD_CHANGED,
        actor_id=actor_id,
        subject_id=user_id,
        origin=origin,
        details={"must_change": must_change},
    )


def rehash(user_id: UUID, *, verified_hash: str, new_hash: str) -> bool:
    """Replace a hash by a stronger one of the same password, in the present unit.

    Nothing happens when the password was changed meanwhile; the epoch stays.
    """
    epoch = repository.set_columns(
        user_id,
        {"password_hash": new_hash},
        where=users.c.password_hash == verified_hash,
    )
    return epoch is not None


def assign_password(user_id: UUID, password: str, *, is_permanent: bool, origin: Origin) -> None:
    """Give a person a password from the command line; it must be changed unless permanent."""
    row = repository.found(str(user_id))
    if row is None or row.deleted_at is not None:
        raise UserNotFound
    check_password(password, row._asdict())
    password_hash = hashing.hash_now(password)
    with db.unit():
        set_password(
            user_id, password_hash=password_hash, origin=origin, must_change=not is_permanent
        )


def _replacement(password_hash: str, *, must_change: bool) -> dict[str, Any]:
    return {
        "password_hash": password_hash,
        "password_changed_at": clock.now(),
        "must_change_password": must_change,
        "session_epoch": users.c.session_epoch + 1,
        # The link that would confirm it dies with the other tokens.
        "pending_email": None,
        "version": users.c.version + 1,
        "updated_at": clock.now(),
    }


def _after_change(
    user_id: UUID,
    address: str,
    *,
    template: str = "password_changed",
    except_session: UUID | None = None,
) -> None:
    sessions.revoke_all(user_id, except_id=except_session)
    one_time.revoke_all(user_id)
    mail.queue(template, to=address, user_id=user_id, context={})
