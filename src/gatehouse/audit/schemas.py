"""How an event looks in JSON, and how the list of events is filtered."""

from marshmallow import fields

from gatehouse.web.pagination import PageArgs, PageOut
from gatehouse.web.schemas import ID, MOMENT, Id, Schema, Sort, Text, Timestamp, told


class AuditFilters(PageArgs):
    """Which events a list shows, and in which order."""

    type = Text(
        max=60,
        pattern=r"[a-z_]+(\.[a-z_]+)+",
        like="login.failed",
        metadata=told("Only what happened in this way.", "session.started"),
    )
    actor_id = Id(metadata=told("Only what this person did.", ID))
    subject_id = Id(metadata=told("Only what was done to this person.", ID))
    since = Timestamp(metadata=told("At this moment or later.", MOMENT))
    until = Timestamp(metadata=told("Before this moment.", MOMENT))
    sort = Sort(
        ["occurred_at"],
        default="-occurred_at",
        metadata=told("Whether the newest comes first (minus).", "-occurred_at"),
    )


class AuditEventOut(Schema):
    """One fact of the ledger."""

    id = fields.UUID(required=True, metadata=told("Which event it is.", ID))
    type = fields.String(required=True, metadata=told("`subject.happened`", "session.started"))
    occurred_at = Timestamp(required=True, metadata=told("When it happened.", MOMENT))
    actor_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata=told("Who did it; null for strangers and for the command line.", ID),
    )
    subject_id = fields.UUID(
        required=True, allow_none=True, metadata=told("To whom it was done.", ID)
    )
    target = fields.String(
        required=True, allow_none=True, metadata=told("To what else it was done.", ID)
    )
    address = fields.String(
        required=True,
        allow_none=True,
        metadata=told("From which address; null where one may not see it.", "198.51.100.7"),
    )
    user_agent = fields.String(
        required=True,
        allow_none=True,
        metadata=told("With which program; null where one may not see it.", "Mozilla/5.0"),
    )
    request_id = fields.String(
        required=True, metadata=told("The request, as in `X-Request-ID`.", ID)
    )
    details = fields.Dict(
        required=True, metadata=told("What else is known of it; each type has its own.", {})
    )
    occurrences = fields.Integer(
        required=True,
        metadata=told(
            "How often it happened within ten minutes, where a client can repeat it at will; the "
            "other members tell of the first time. Otherwise 1.",
            1,
        ),
    )


class AuditPage(PageOut):
    """A page of the ledger."""

    events = fields.List(
        fields.Nested(AuditEventOut), required=True, metadata={"description": "The events."}
    )
