"""The rules of notifications: who gets one, and that it is written down once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gatehouse import audit, roles
from gatehouse.core.errors import Unprocessable
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import jobs
from gatehouse.notifications import repository
from gatehouse.notifications.errors import UnknownRecipient
from gatehouse.notifications.vocabulary import DELIVER, NotificationEvent

_RECIPIENTS = ("user_id", "role", "everyone")


def send(body: Mapping[str, Any], *, actor: Principal, origin: Origin) -> UUID:
    """Write down what is to be sent, in the unit; return its id.

    A job finds the recipients, however many they are. Raises Unprocessable where not exactly one
    kind of them is named, and UnknownRecipient.
    """
    _check(body)
    user_id: UUID | None = body.get("user_id")
    role_id = _role_id(body["role"]) if "role" in body else None
    if user_id is not None and not repository.is_open(user_id):
        raise UnknownRecipient(errors={"user_id": ["There is no such active account."]})
    notification_id = new_id()
    payload = {
        "id": str(notification_id),
        "channels": sorted(set(body["channels"])),
        "user_id": user_id and str(user_id),
        "role_id": role_id and str(role_id),
        "subject": body["subject"],
        "text": body["text"],
        "after": None,
    }
    jobs.enqueue(DELIVER, payload, user_id=user_id, entry_id=notification_id)
    audit.record(
        NotificationEvent.REQUESTED,
        actor_id=actor.user_id,
        subject_id=user_id,
        origin=origin,
        target=str(notification_id),
        # Neither subject nor text: they may name people, and the ledger is kept for long.
        details={"channels": payload["channels"], "role": body.get("role")},
    )
    return notification_id


def _check(body: Mapping[str, Any]) -> None:
    if not body["channels"]:
        raise Unprocessable(errors={"channels": ["Name one at least."]})
    if body.get("everyone") is False:
        raise Unprocessable(errors={"everyone": ["This is `true`, or left out."]})
    if len([name for name in _RECIPIENTS if name in body]) != 1:
        told = f"Name exactly one of {', '.join(_RECIPIENTS)}."
        raise Unprocessable(told, errors={name: [told] for name in _RECIPIENTS})


def _role_id(name: str) -> UUID:
    found = roles.by_names([name])
    if not found:
        raise UnknownRecipient(errors={"role": ["There is no such role."]})
    role_id: UUID = found[0].id
    return role_id
