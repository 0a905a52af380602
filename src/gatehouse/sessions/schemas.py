"""How a session looks in JSON."""

from marshmallow import fields

from gatehouse.web.schemas import Schema, Timestamp


class SessionOut(Schema):
    """One device's log-in."""

    id = fields.UUID()
    created_at = Timestamp()
    last_used_at = Timestamp(metadata={"description": "To the quarter of an hour."})
    expires_at = Timestamp(metadata={"description": "The absolute end."})
    address = fields.String()
    user_agent = fields.String()
    amr = fields.List(fields.String(), metadata={"description": "RFC 8176 methods."})
    is_current = fields.Boolean(metadata={"description": "Whether it is the caller's own."})


class SessionPage(Schema):
    """The living sessions of a person, the latest first."""

    sessions = fields.List(fields.Nested(SessionOut))
