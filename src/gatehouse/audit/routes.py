"""GET /audit-events: what happened, newest first."""

from typing import Any

from flask import Response

from gatehouse.audit import denials, repository, service
from gatehouse.audit.models import events
from gatehouse.audit.schemas import AuditFilters, AuditPage
from gatehouse.infra import db
from gatehouse.web import access, pagination
from gatehouse.web.blueprint import Blueprint

blp = Blueprint("audit", url_prefix="/api/v1", description="The ledger of what happened.")
blp.after_app_request(denials.note)


@blp.get("/audit-events")
@access.user
@blp.query(AuditFilters)
@blp.response(200, AuditPage, description="A page of events.")
def list_events(args: dict[str, Any]) -> Response:
    """List what happened, newest first.

    Holders of `audit:read` see all events, others those that they caused or that concern them.
    The list may lag behind by as much as the replica of the database does.
    """
    caller = access.principal()
    window = pagination.window("audit-events", args, scope=str(service.scope_of(caller)))
    statement = service.listed(args, caller=caller)
    is_descending = args["sort"].startswith("-")
    page = pagination.apply(statement, window, keys=[events.c.id], descending=is_descending)
    rows = pagination.cut(db.replica.rows(page), window)
    return pagination.answer(
        [service.shown(row._mapping, caller=caller) for row in rows],
        window,
        key="events",
        total=lambda: repository.count(statement),
    )
