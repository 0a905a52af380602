"""What the door to the sockets refuses, before anything is upgraded."""

from gatehouse.core.errors import Forbidden, Refusal, Unauthenticated

_UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}


class UpgradeRequired(Refusal):
    """The path speaks WebSocket (RFC 6455, version 13) and nothing else; `GET /ws/{client_id}`."""

    status = 426
    code = "upgrade_required"
    title = "This path speaks WebSocket only"
    remedy = "Use a WebSocket client, and a proxy that passes `Upgrade` on."

    def __init__(self) -> None:
        super().__init__(headers={**_UPGRADE, "Sec-WebSocket-Version": "13"})


class BadHandshake(Refusal):
    """The opening of a WebSocket lacks its key, or the subprotocol `gatehouse`."""

    code = "bad_handshake"
    title = "The opening of the WebSocket is not valid"
    remedy = "Offer the subprotocols `gatehouse` and `ticket.<ticket>`."


class OriginNotAllowed(Forbidden):
    """A page of an origin that is neither `PUBLIC_URL` nor in `CORS_ORIGINS` opens a WebSocket."""

    code = "origin_not_allowed"
    title = "Pages of this origin may not do this"
    remedy = "Tell the operator, who may add the origin to `CORS_ORIGINS`."


class TicketInvalid(Unauthenticated):
    """The ticket is forged, spent or older than 30 s, for another client, or its session ended."""

    code = "ticket_invalid"
    title = "The ticket is not valid"
    remedy = "Get a new one from `POST /api/v1/auth/ws-ticket`, and use it at once."
