"""What comes in and goes out."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from gatehouse.notifications.vocabulary import Channel
from gatehouse.web.schemas import ID, Boolean, Choice, Id, Items, Schema, Text, told

SUBJECT_LENGTH = 150
TEXT_LENGTH = 4_000
_SUBJECT = "Maintenance on Sunday"
_TEXT = "We shall be away on Sunday from 6 to 7.\n\nNothing will be lost."


class NotificationIn(Schema):
    """What to say, and to whom: exactly one of `user_id`, `role` and `everyone`."""

    examples: ClassVar[Mapping[str, Any]] = {
        "to_a_role": {
            "channels": ["mail", "push"],
            "role": "admin",
            "subject": _SUBJECT,
            "text": _TEXT,
        },
        "to_everyone": {
            "channels": ["mail"],
            "everyone": True,
            "subject": _SUBJECT,
            "text": _TEXT,
        },
    }
    channels = Items(
        Choice(Channel),
        max=len(Channel),
        required=True,
        metadata=told("`mail`, `push`, or both.", ["mail"]),
    )
    user_id = Id(metadata=told("One person.", ID))
    role = Text(max=50, metadata=told("Everyone who has this role.", "admin"))
    everyone = Boolean(metadata=told("Everyone: `true`, or left out.", True))
    subject = Text(
        max=SUBJECT_LENGTH, required=True, metadata=told("One line, as the subject.", _SUBJECT)
    )
    text = Text(
        max=TEXT_LENGTH,
        lines=True,
        required=True,
        metadata=told("Plain text; an empty line ends a paragraph.", _TEXT),
    )


class NotificationOut(Schema):
    """It is written down and will be sent."""

    id = fields.UUID(required=True, metadata=told("As `target` in the ledger.", ID))
    status = fields.String(required=True, metadata=told("Always `accepted`.", "accepted"))
    detail = fields.String(
        required=True, metadata=told("What will happen, in words.", "It will be sent.")
    )
