"""The permission and the events of the audit feature."""

from gatehouse.core.events import Event
from gatehouse.core.permissions import Permission


class AuditPermission(Permission):
    """Who may read what others did."""

    READ = "audit:read"


class AuditEvent(Event):
    """What the edge itself notices."""

    ACCESS_DENIED = "access.denied"
