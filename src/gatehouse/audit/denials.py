"""Denials at the door: every 403 to somebody known is a fact of the ledger, counted."""

from uuid import UUID

from flask import Response, g, request

from gatehouse.audit import service
from gatehouse.audit.vocabulary import AuditEvent
from gatehouse.core.principal import Principal
from gatehouse.web import access


def note(response: Response) -> Response:
    """Record the denial that `response` tells, if it is one; never raises, never changes it.

    Runs after the request, when the unit of the view has been left. One row stands for what an
    actor was denied on a route within ten minutes, whoever the subject: a walk through all ids
    fills no disk. The row names the first subject.
    """
    caller: Principal | None = g.get("principal")
    if response.status_code != 403 or caller is None:
        return response
    route = request.url_rule.rule if request.url_rule else ""
    subject_id = (request.view_args or {}).get("user_id")
    service.record_counted(
        AuditEvent.ACCESS_DENIED,
        key=(str(caller.user_id), request.method, route),
        origin=access.origin(),
        actor_id=caller.user_id,
        subject_id=subject_id if isinstance(subject_id, UUID) else None,
        target=f"{request.method} {route}",
        details={"code": (response.get_json(silent=True) or {}).get("code")},
    )
    return response
