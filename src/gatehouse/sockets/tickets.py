"""Tickets: what opens one socket, once, for the session and the client that asked for it.

A browser cannot send a token with a WebSocket, and a URL is written down everywhere. So the socket
is opened by a ticket, which says whose it is and is signed; nothing is stored until it is spent.
"""

from datetime import UTC, datetime
from uuid import UUID

from gatehouse import auth
from gatehouse.core import clock
from gatehouse.core.ids import new_id, parse_id
from gatehouse.infra import db, secrets
from gatehouse.infra.sockets import Member
from gatehouse.settings import settings
from gatehouse.sockets import repository
from gatehouse.sockets.errors import TicketInvalid
from gatehouse.sockets.vocabulary import TICKET_SECONDS, SocketPermission

LONGEST = 256


def issue(user_id: UUID, session_id: UUID, *, client_id: str) -> str:
    """Return a ticket for one socket of this session and client, good for 30 seconds."""
    expires = int(clock.now().timestamp()) + TICKET_SECONDS
    told = f"{new_id()}.{user_id}.{session_id}.{expires}"
    return f"{told}.{secrets.mac(secrets.Purpose.SOCKET, told, client_id)}"


def redeem(ticket: str, *, client_id: str) -> Member:
    """Spend a ticket in a unit of its own, and return who may open a socket; or TicketInvalid.

    A forged one costs no query.
    """
    told, _, mac = ticket[:LONGEST].rpartition(".")
    if not secrets.mac_matches(secrets.Purpose.SOCKET, mac, told, client_id):
        raise TicketInvalid
    *ids, expires = told.split(".")
    ticket_id, user_id, session_id = map(_id, ids)
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    if clock.now() >= expires_at:
        raise TicketInvalid
    permissions = auth.permissions_in(session_id, user_id=user_id)
    if permissions is None:
        raise TicketInvalid
    with db.unit():
        if not repository.spend(ticket_id, expires_at=expires_at):
            raise TicketInvalid
    may_broadcast = settings.ws_broadcast and SocketPermission.BROADCAST in permissions
    return Member(user_id, session_id, client_id, may_broadcast=may_broadcast)


def _id(text: str) -> UUID:
    found = parse_id(text)
    assert found is not None, "we have signed it"
    return found
