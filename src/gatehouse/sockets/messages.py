"""What is said on a socket: JSON objects with a `type`, each in one text message.

docs/websocket.md shows all of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from gatehouse.infra.sockets import Member
from gatehouse.sockets.vocabulary import TEXT_LENGTH, SocketPermission, Type


class NotUnderstood(Exception):
    """A client's message is none that we know; it is answered with `reply`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.reply = _refusal(code, detail)


def read(text: str) -> str:
    """Return the words of a broadcast, which is all that a client can say, or NotUnderstood."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NotUnderstood("malformed_json", "Send a JSON object.") from None
    words = said.get("text") if isinstance(said, dict) else None
    is_text = isinstance(words, str) and 1 <= len(words) <= TEXT_LENGTH
    if not is_text or said != {"type": Type.BROADCAST, "text": words}:
        raise NotUnderstood(
            "validation_failed",
            f"Send a `type`, `broadcast`, and a `text` of 1 to {TEXT_LENGTH} characters.",
        )
    return str(words)


def greeting(member: Member) -> str:
    """Return what a client hears first."""
    return _text(Type.WELCOME, {"client_id": member.client_id, "user_id": member.user_id})


def spoken(kind: Type, member: Member, words: str, *, at: datetime) -> dict[str, Any]:
    """Return what everybody hears of a client: that it came, went, or said something."""
    said = {
        Type.JOINED: f"Client {member.client_id} joined",
        Type.LEFT: f"Client {member.client_id} left",
        Type.BROADCAST: f"Client {member.client_id}: {words}",
    }[kind]
    return {
        "type": kind,
        "client_id": member.client_id,
        "user_id": member.user_id,
        "text": said,
        "at": at,
    }


def _text(kind: Type, members: Mapping[str, Any]) -> str:
    return orjson.dumps({"type": kind, **members}).decode()


def _refusal(code: str, detail: str) -> str:
    return _text(Type.ERROR, {"code": code, "detail": detail})


BUSY = _refusal("unavailable", "Say it again later.")
OFF = _refusal("broadcast_off", "Broadcasts are switched off here.")
NOT_ALLOWED = _refusal(
    "insufficient_scope", f"This needs the permission {SocketPermission.BROADCAST}."
)
