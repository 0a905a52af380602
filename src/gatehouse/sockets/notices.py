"""Notices: facts of the ledger, told at once to the person concerned and to nobody else."""

from collections.abc import Callable
from typing import Any

from gatehouse.core.events import Event, Fact
from gatehouse.feature import Listener
from gatehouse.infra import push
from gatehouse.infra.push import Audience
from gatehouse.sessions import SessionEvent
from gatehouse.sockets.vocabulary import Type
from gatehouse.users import UserEvent

Members = dict[str, Any]


def _session(fact: Fact) -> Members | None:
    return {"session_id": fact.target}


def _log_in(fact: Fact) -> Members | None:
    """Tell of a log-in from a new place, with what the list of sessions would show of it."""
    if not fact.details.get("is_new_place"):
        return None
    place = {"address": fact.origin.address, "user_agent": fact.origin.user_agent}
    return {"session_id": fact.target, **place}


def _roles(fact: Fact) -> Members | None:
    return {"granted": fact.details["granted"], "taken": fact.details["taken"]}


def _alone(_fact: Fact) -> Members | None:
    return {}


# What each notice says besides; None is no notice.
_TOLD: dict[Event, Callable[[Fact], Members | None]] = {
    SessionEvent.STARTED: _log_in,
    SessionEvent.ENDED: _session,
    SessionEvent.ALL_ENDED: _alone,
    SessionEvent.REUSE_DETECTED: _session,
    UserEvent.PASSWORD_CHANGED: _alone,
    UserEvent.DEACTIVATED: _alone,
    UserEvent.DELETED: _alone,
    UserEvent.ERASED: _alone,
    UserEvent.ROLES_CHANGED: _roles,
}
# Whoever hears of these looks at once which sessions are left; the database alone decides.
ENDING = frozenset(map(str, set(_TOLD) - {SessionEvent.STARTED, UserEvent.ROLES_CHANGED}))


def tell(fact: Fact) -> None:
    """Push a fact to the person to whom it happened."""
    members = _TOLD[fact.event](fact)
    if members is None or fact.subject_id is None:
        return
    notice = {"type": Type.NOTICE, "event": fact.event, "at": fact.occurred_at, **members}
    push.publish(notice, to=Audience(user_id=fact.subject_id))


LISTENERS: dict[Event, Listener] = dict.fromkeys(_TOLD, tell)
