"""How an export looks in JSON."""

from marshmallow import fields

from gatehouse.web.schemas import MOMENT, Schema, Timestamp, told


class ExportOut(Schema):
    """Everything that is kept about a person."""

    exported_at = Timestamp(required=True, metadata=told("When it was gathered.", MOMENT))
    data = fields.Dict(
        required=True,
        metadata=told(
            "A member for each kind of thing, as `account`, `sessions`, `events`; others may come.",
            {"account": {"email": "ada@example.com"}, "roles": [{"name": "user"}]},
        ),
    )
