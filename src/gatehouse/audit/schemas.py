"""How an event looks in JSON, and how the list of events is filtered."""

from marshmallow import fields

from gatehouse.web.pagination import PageArgs
from gatehouse.web.schemas import Choice, Id, Schema, Text, Timestamp


class AuditFilters(PageArgs):
    """Which events a list shows, and in which order."""

    type = Text(max=60, pattern=r"[a-z_]+(\.[a-z_]+)+")
    actor_id = Id(metadata={"description": "Who did it."})
    subject_id = Id(metadata={"description": "To whom it was done."})
    since = Timestamp(metadata={"description": "At this moment or later."})
    until = Timestamp(metadata={"description": "Before this moment."})
    sort = Choice(["occurred_at", "+occurred_at", "-occurred_at"], load_default="-occurred_at")


class AuditEventOut(Schema):
    """One fact of the ledger."""

    id = fields.UUID(required=True)
    type = fields.String(required=True, metadata={"description": "`subject.happened`"})
    occurred_at = Timestamp(required=True)
    actor_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "Who did it; null for strangers and for the command line."},
    )
    subject_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "To whom it was done."}
    )
    target = fields.String(
        required=True, allow_none=True, metadata={"description": "To what else it was done."}
    )
    address = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True)
    details = fields.Dict(required=True)
    occurrences = fields.Integer(
        required=True,
        metadata={
            "description": "How often it happened within ten minutes, where a client can repeat "
            "it at will; the other members tell of the first time. Otherwise 1."
        },
    )


class AuditPage(Schema):
    """A page of the ledger."""

    events = fields.List(fields.Nested(AuditEventOut), required=True)
    page = fields.Integer(required=True, allow_none=True)
    per_page = fields.Integer(required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Integer()
