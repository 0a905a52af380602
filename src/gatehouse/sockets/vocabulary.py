"""The permission, the limit and the words of sockets."""

from enum import StrEnum

from gatehouse.core.permissions import Permission
from gatehouse.infra.limits import Rule

SUBPROTOCOL = "gatehouse"
TICKET_PREFIX = "ticket."
TICKET_SECONDS = 30
CLIENT_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
CLIENT_ID_LENGTH = 64
TEXT_LENGTH = 4096

# The application's own close code; the others are those of RFC 6455.
SESSION_ENDED = 4401

WS_TICKET = Rule("ws_ticket", "30/minute")


class SocketPermission(Permission):
    """What may be said on a socket."""

    BROADCAST = "broadcast:send"


class Type(StrEnum):
    """The member `type` of every message on a socket."""

    WELCOME = "welcome"  # to a client: the socket is open
    NOTICE = "notice"  # to a person: what has happened to their account
    JOINED = "joined"  # to everybody: a client that may broadcast has come
    LEFT = "left"  # to everybody: it has gone
    BROADCAST = "broadcast"  # from a client, and to everybody
    ERROR = "error"  # to a client: its message was refused
