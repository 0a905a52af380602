"""How a session looks in JSON."""

from marshmallow import fields

from gatehouse.web.schemas import ID, MOMENT, Schema, Timestamp, told


class SessionOut(Schema):
    """One device's log-in."""

    id = fields.UUID(required=True, metadata=told("Which session it is.", ID))
    created_at = Timestamp(required=True, metadata=told("When the person logged in.", MOMENT))
    last_used_at = Timestamp(
        required=True,
        metadata=told(
            "When it was last refreshed, to the quarter of an hour; before that, `created_at`.",
            MOMENT,
        ),
    )
    expires_at = Timestamp(
        required=True, metadata=told("When it ends, however much it is used.", MOMENT)
    )
    address = fields.String(
        required=True, metadata=told("From which address the log-in came.", "198.51.100.7")
    )
    user_agent = fields.String(
        required=True, metadata=told("With which program the log-in was made.", "Mozilla/5.0")
    )
    amr = fields.List(
        fields.String(),
        required=True,
        metadata=told("How the person proved who they are (RFC 8176).", ["pwd"]),
    )
    is_current = fields.Boolean(
        required=True, metadata=told("Whether it is the caller's own.", True)
    )


class SessionPage(Schema):
    """The living sessions of a person, the latest first."""

    sessions = fields.List(
        fields.Nested(SessionOut), required=True, metadata={"description": "The sessions."}
    )
