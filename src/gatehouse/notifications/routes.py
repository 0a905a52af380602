"""The door to notifications."""

from typing import Any

from gatehouse.notifications import service
from gatehouse.notifications.errors import UnknownRecipient
from gatehouse.notifications.schemas import NotificationIn, NotificationOut
from gatehouse.notifications.vocabulary import NOTIFICATIONS, NotificationPermission
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.idempotency import idempotent
from gatehouse.web.transaction import in_unit

blp = Blueprint("notifications", url_prefix="/api/v1", description="Messages to people.")


@blp.post("/notifications")
@access.permission(NotificationPermission.SEND)
@access.limited(NOTIFICATIONS)
@blp.arguments(NotificationIn)
@idempotent
@in_unit
@blp.refuses(UnknownRecipient)
@blp.response(202, NotificationOut, description="It is written down, and will be sent.")
def send_notification(body: dict[str, Any]) -> dict[str, Any]:
    """Write to one person, to everyone with a role, or to everyone.

    Mail goes to verified addresses of active accounts, push to whoever has a WebSocket open. What
    was not sent before the service stopped is sent when it is back.
    """
    notification_id = service.send(body, actor=access.principal(), origin=access.origin())
    return {"id": notification_id, "status": "accepted", "detail": "It will be sent."}
