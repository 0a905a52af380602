"""The permission, events, limits and ways of the notifications feature."""

from enum import StrEnum

from gatehouse.core.events import Event
from gatehouse.core.permissions import Permission
from gatehouse.infra.limits import Rule

NOTIFICATIONS = Rule("notifications", "60/minute")
DELIVER = "notifications.deliver"
# What begins the JSON object that sockets hear.
PUSHED = "notification"


class NotificationPermission(Permission):
    """Who may write to people."""

    SEND = "notifications:send"


class NotificationEvent(Event):
    """What was written to whom."""

    REQUESTED = "notification.requested"


class Channel(StrEnum):
    """The ways to people: mail for those who verified their address, push for who is there now."""

    MAIL = "mail"
    PUSH = "push"
