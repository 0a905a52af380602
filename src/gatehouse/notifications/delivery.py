"""How a notification reaches its recipients: a page of people a job, each job writes the next.

A page and the next job are written in one unit, and the id of that job follows from the one
before. So a job that is repeated after its process died finds that it was done, and nobody is
written to twice by it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from gatehouse.core import clock
from gatehouse.infra import db, jobs, mail, push
from gatehouse.infra.push import EVERYONE, Audience
from gatehouse.notifications import repository
from gatehouse.notifications.vocabulary import DELIVER, PUSHED, Channel

PAGE = 200
# Other mail, as that of somebody who cannot log in, waits behind so many at most, and a page.
MOST_WAITING = 400
PAUSE = timedelta(seconds=1)
TEMPLATE = "notification"


def deliver(payload: dict[str, Any], entry_id: UUID) -> None:
    """Write to the next page of recipients, and leave the rest to another job."""
    following = uuid5(entry_id, "following")
    if jobs.found(following) is not None:
        return
    must_wait = Channel.MAIL in payload["channels"] and _is_full()
    with db.unit():
        after = payload["after"] if must_wait else _write(payload)
        if must_wait or after is not None:
            jobs.enqueue(
                DELIVER,
                {**payload, "after": after},
                user_id=_id(payload["user_id"]),
                delay=PAUSE if must_wait else None,
                entry_id=following,
            )


def _write(payload: Mapping[str, Any]) -> str | None:
    """Write to a page of people; return the id of the last one, None where nobody was left."""
    said = {name: payload[name] for name in ("id", "subject", "text")}
    wants_mail, wants_push = (one in payload["channels"] for one in Channel)
    is_for_everyone = payload["user_id"] is None and payload["role_id"] is None
    if wants_push and is_for_everyone and payload["after"] is None:
        _push(said, EVERYONE)
    if is_for_everyone and not wants_mail:
        return None
    people = repository.recipients(
        user_id=_id(payload["user_id"]),
        role_id=_id(payload["role_id"]),
        after=_id(payload["after"]),
        limit=PAGE,
    )
    for person in people:
        if wants_mail and person.is_verified:
            mail.queue(TEMPLATE, to=person.email, user_id=person.id, context=said)
        if wants_push and not is_for_everyone:
            _push(said, Audience(user_id=person.id))
    return str(people[-1].id) if people else None


def _push(said: Mapping[str, Any], audience: Audience) -> None:
    push.publish({"type": PUSHED, **said, "at": clock.now()}, to=audience)


def _is_full() -> bool:
    return jobs.waiting(mail.KIND, at_most=MOST_WAITING) == MOST_WAITING


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
