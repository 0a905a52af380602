"""The two doors: a ticket for whoever has logged in, and the socket for whoever has a ticket."""

from typing import Any

from flask import Response, current_app, request

from gatehouse.infra import sockets
from gatehouse.sockets import handshake, tickets
from gatehouse.sockets.errors import BadHandshake, OriginNotAllowed, TicketInvalid, UpgradeRequired
from gatehouse.sockets.hall import Hall
from gatehouse.sockets.schemas import TicketIn, TicketOut
from gatehouse.sockets.vocabulary import TICKET_SECONDS, WS_TICKET
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint

blp = Blueprint("sockets", url_prefix="/api/v1/auth", description="Live notices on a WebSocket.")
# OpenAPI knows requests and answers only; docs/websocket.md describes what follows a 101.
door = Blueprint("socket", is_described=False)


@blp.post("/ws-ticket")
@access.user
@access.no_api_key
@blp.arguments(TicketIn)
@access.limited(WS_TICKET)
@blp.response(200, TicketOut, description="The ticket.")
def give_ticket(body: dict[str, Any]) -> dict[str, Any]:
    """Get a ticket that opens one WebSocket.

    Within 30 seconds, open `/ws/{client_id}` at the root of this service with the subprotocols
    `gatehouse` and `ticket.<ticket>`. The socket belongs to the session and the `client_id` of the
    ticket: it tells what happens to the account, and is closed with 4401 when the session ends.
    """
    user_id, session_id = access.principal().user_id, access.session_id()
    ticket = tickets.issue(user_id, session_id, client_id=body["client_id"])
    return {"ticket": ticket, "expires_in": TICKET_SECONDS}


# Werkzeug routes what wants to be upgraded by rules of its own; both tell what is wrong alike.
@door.get("/ws/<client_id>", websocket=True)
@door.get("/ws/<client_id>")
@access.one_time("socket")
@door.refuses(UpgradeRequired, BadHandshake, OriginNotAllowed, TicketInvalid)
@door.refuses(sockets.SocketsFull, sockets.SocketsUnsupported)
def open_socket(client_id: str) -> Response:
    """Open a WebSocket."""
    opening = handshake.read(request)
    take = sockets.connection_of(request.environ)
    here = sockets.of(current_app)
    here.reserve()
    try:
        member = tickets.redeem(opening.ticket, client_id=client_id)
        response = handshake.answer(opening)
    except BaseException:
        here.release()
        raise
    response.call_on_close(lambda: here.adopt(take(), member, make=Hall))
    return response
