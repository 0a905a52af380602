"""The opening of a WebSocket as a request (RFC 6455, section 4.2): read, refused, or answered."""

import base64
import binascii
from dataclasses import dataclass

from flask import Request

from gatehouse.infra.sockets import SwitchingProtocols, accept_token
from gatehouse.settings import settings
from gatehouse.sockets.errors import (
    BadHandshake,
    OriginNotAllowed,
    TicketInvalid,
    UpgradeRequired,
)
from gatehouse.sockets.vocabulary import SUBPROTOCOL, TICKET_PREFIX


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client sent to open a socket."""

    key: str
    ticket: str


def read(request: Request) -> Opening:
    """Return what was sent; raises UpgradeRequired, OriginNotAllowed or BadHandshake."""
    if not _is_upgrade(request):
        raise UpgradeRequired
    _check_origin(request.headers.get("Origin"))
    key = request.headers.get("Sec-WebSocket-Key", "")
    if not _is_key(key) or request.content_length:
        raise BadHandshake
    offered = _words(request, "Sec-WebSocket-Protocol")
    if SUBPROTOCOL not in offered:
        raise BadHandshake
    tickets = [one.removeprefix(TICKET_PREFIX) for one in offered if one.startswith(TICKET_PREFIX)]
    if len(tickets) != 1:
        raise TicketInvalid
    return Opening(key, tickets[0])


def answer(opening: Opening) -> SwitchingProtocols:
    """Return the 101 that opens the socket. The ticket is not repeated in it."""
    response = SwitchingProtocols(status=101)
    response.headers["Upgrade"] = "websocket"
    response.headers["Connection"] = "Upgrade"
    response.headers["Sec-WebSocket-Accept"] = accept_token(opening.key)
    response.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
    return response


def _is_upgrade(request: Request) -> bool:
    return (
        request.method == "GET"
        and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        and "upgrade" in [word.lower() for word in _words(request, "Connection")]
        and "websocket" in [word.lower() for word in _words(request, "Upgrade")]
        and request.headers.get("Sec-WebSocket-Version") == "13"
    )


def _check_origin(origin: str | None) -> None:
    """Refuse pages of foreign origins; what is no browser sends none.

    A browser tells the truth about it, and sends no cookie that could stand for a ticket here:
    this keeps a foreign page from trying at all (ASVS 4.4.2).
    """
    if origin is None or "*" in settings.cors_origins:
        return
    if origin.lower() not in (settings.public_url.lower(), *map(str.lower, settings.cors_origins)):
        raise OriginNotAllowed


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _words(request: Request, name: str) -> list[str]:
    return [word.strip() for word in request.headers.get(name, "").split(",") if word.strip()]
