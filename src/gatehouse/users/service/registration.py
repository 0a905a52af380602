"""How accounts come to be: people sign up, administrators make them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import audit, one_time, roles
from gatehouse.core import clock
from gatehouse.core.errors import Unprocessable
from gatehouse.core.ids import new_id
from gatehouse.core.permissions import USER
from gatehouse.core.principal import Origin, Principal
from gatehouse.core.text import fold
from gatehouse.infra import db, hashing, mail
from gatehouse.settings import settings
from gatehouse.users import repository
from gatehouse.users.errors import EmailTaken, RegistrationClosed, UsernameTaken
from gatehouse.users.service import mails, rank, roles_of
from gatehouse.users.service.ledger import id_of, record
from gatehouse.users.service.passwords import check_password
from gatehouse.users.vocabulary import UserEvent, UserPermission
from gatehouse.web.denials import MissingPermission

Body = Mapping[str, Any]
_PRIVILEGED = ("is_active", "roles")


def admit(body: Body, *, actor: Principal | None, origin: Origin) -> str:
    """Refuse what needs no look at other accounts, and return the hash of the password.

    Slow, so outside of a unit. Raises RegistrationClosed, Unprocessable or HashQueueFull.
    """
    if not _is_for_somebody_else(actor):
        if settings.registration == "closed":
            with db.unit():
                _record_refusal("closed", actor=None, subject_id=None, origin=origin)
                raise RegistrationClosed
        privileged = [name for name in _PRIVILEGED if name in body]
        if privileged:
            told = {name: ["Only administrators set this."] for name in privileged}
            raise Unprocessable(errors=told)
    return _hashed(body)


def register(
    body: Body, *, password_hash: str, actor: Principal | None, origin: Origin
) -> Row[Any] | None:
    """Make an account that was admitted, in the unit; None where the answer must not tell.

    An administrator (`users:create`) makes one for somebody else; everybody else signs up.
    """
    if _is_for_somebody_else(actor):
        standing = {"must_change_password": True, "is_verified": False}
        return _create(body, password_hash, standing, actor=actor, origin=origin)
    return _sign_up(body, password_hash, origin=origin)


def create(
    body: Body,
    *,
    actor: Principal | None,
    origin: Origin,
    is_permanent: bool = False,
    is_verified: bool = False,
) -> Row[Any]:
    """Make an account for somebody else, with a password that they must change.

    `is_permanent` spares them that; only the command line (actor None) says so, and it is
    recorded. `is_verified` spares them the mail that verifies the address. Opens a unit after the
    hash is made.
    """
    password_hash = _hashed(body)
    standing = {"must_change_password": not is_permanent, "is_verified": is_verified}
    with db.unit():
        return _create(body, password_hash, standing, actor=actor, origin=origin)


def _create(
    body: Body,
    password_hash: str,
    standing: Mapping[str, bool],
    *,
    actor: Principal | None,
    origin: Origin,
) -> Row[Any]:
    wanted = body.get("roles", [USER])
    if actor is not None and UserPermission.CREATE not in rank.rights_of(actor):
        raise MissingPermission(UserPermission.CREATE)
    roles_of.refuse_unknown(wanted)
    roles_of.require_to_hand_out(actor, wanted)
    values = _values(body, password_hash=password_hash) | {
        **standing,
        "is_active": body.get("is_active", True),
        "created_by": id_of(actor),
    }
    user_id = _insert(values, wanted, actor=actor, origin=origin)
    details = {
        "roles": sorted(wanted),
        "is_password_permanent": not values["must_change_password"],
    }
    record(UserEvent.CREATED, user_id, actor=actor, origin=origin, details=details)
    return repository.shown(user_id)


def _sign_up(body: Body, password_hash: str, *, origin: Origin) -> Row[Any] | None:
    is_hiding = settings.registration_enumeration == "hide"
    values = _values(body, password_hash=password_hash)
    if is_hiding:
        # A name that is free or taken afterwards would tell whether the account was made.
        values |= {"username": None, "username_folded": None}
    try:
        user_id = _insert(values, [USER], actor=None, origin=origin)
    except EmailTaken:
        owner = repository.email_owner(values["email_folded"])
        if not is_hiding or owner is None:
            raise
        mails.queue_account_exists(owner.id)
        return None
    audit.record(UserEvent.REGISTERED, actor_id=user_id, subject_id=user_id, origin=origin)
    return None if is_hiding else repository.shown(user_id)


def _insert(
    values: dict[str, Any], wanted: Sequence[str], *, actor: Principal | None, origin: Origin
) -> UUID:
    """Insert the account with its roles and, unless it is verified, the mail for that."""
    user_id: UUID = values["id"]
    if not repository.add(values):
        owner = repository.email_owner(values["email_folded"])
        is_name = owner is None and values["username_folded"] is not None
        refusal = UsernameTaken() if is_name else EmailTaken()
        subject_id = None if owner is None else owner.id
        _record_refusal(refusal.code, actor=actor, subject_id=subject_id, origin=origin)
        raise refusal
    for name in wanted:
        roles.grant(user_id, name, granted_by=id_of(actor))
    if not values["is_verified"]:
        mails.queue_link(
            "verify_email",
            one_time.Purpose.VERIFY_EMAIL,
            user_id=user_id,
            address=values["email"],
            epoch=values["session_epoch"],
            is_first=True,
        )
    if values["must_change_password"]:
        mail.queue("new_password_required", to=values["email"], user_id=user_id, context={})
    return user_id


def _is_for_somebody_else(actor: Principal | None) -> bool:
    return actor is not None and actor.may(UserPermission.CREATE)


def _hashed(body: Body) -> str:
    check_password(body["password"], body)
    return hashing.hash_password(body["password"])


def _values(body: Body, *, password_hash: str) -> dict[str, Any]:
    now, username = clock.now(), body.get("username")
    return {
        "id": new_id(),
        "email": body["email"],
        "email_folded": fold(body["email"]),
        "username": username,
        "username_folded": username and fold(username),
        "name": body.get("name"),
        "locale": body.get("locale"),
        "password_hash": password_hash,
        "password_changed_at": now,
        "must_change_password": False,
        "is_active": True,
        "is_verified": False,
        "session_epoch": 1,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _record_refusal(
    reason: str, *, actor: Principal | None, subject_id: UUID | None, origin: Origin
) -> None:
    record(
        UserEvent.REGISTRATION_REFUSED,
        subject_id,
        actor=actor,
        origin=origin,
        details={"reason": reason},
    )
