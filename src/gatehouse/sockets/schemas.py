"""What a ticket is asked with, and what it is."""

from marshmallow import fields

from gatehouse.sockets.vocabulary import CLIENT_ID_LENGTH, CLIENT_ID_PATTERN, TICKET_SECONDS
from gatehouse.web.schemas import ID, Schema, Text, told

_TICKET = f"{ID}.{ID}.{ID}.1795167900.9f86d081884c7d65"


class TicketIn(Schema):
    """The client that is going to open a socket."""

    client_id = Text(
        required=True,
        max=CLIENT_ID_LENGTH,
        pattern=CLIENT_ID_PATTERN,
        metadata=told("A name of its own choice, which the path repeats.", "browser-1"),
    )


class TicketOut(Schema):
    """A ticket for one socket."""

    is_secret = True

    ticket = fields.String(required=True, metadata=told("What opens the socket, once.", _TICKET))
    expires_in = fields.Integer(
        required=True, metadata=told("For how many seconds it does.", TICKET_SECONDS)
    )
