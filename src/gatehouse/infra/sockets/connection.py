"""One WebSocket after its opening (RFC 6455): its bytes, its bounds, and how it is closed.

Everything here happens in the thread of its loop, and nothing waits.
"""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import FrameProtocol
from wsproto.utilities import generate_accept_token

MOST_BYTES = 65_536
# A message may come in parts, but not in crumbs: each of them costs a step.
MOST_PARTS = 1024
MOST_QUEUED_BYTES = 262_144
# What the kernel may hold besides, for a reader who does not read.
KERNEL_BYTES = 65_536
BURST, EACH_SECOND = 20.0, 5.0
PING_SECONDS = 20.0
SILENCE_SECONDS = 45.0
CLOSE_SECONDS = 2.0

AT_ONCE = struct.pack("ii", 1, 0)

UNSUPPORTED, POLICY, TOO_LARGE, BROKEN = 1003, 1008, 1009, 1011


@dataclass(frozen=True, slots=True)
class Member:
    """Whose socket it is, and the name that its client has chosen for it."""

    user_id: UUID
    session_id: UUID
    client_id: str
    may_broadcast: bool = False


def accept_token(key: str) -> str:
    """Return what proves that the opening was understood (RFC 6455, section 4.2.2)."""
    return generate_accept_token(key.encode("ascii")).decode("ascii")


def frame(text: str) -> bytes:
    """Return a text message as it goes to any client."""
    return bytes(FrameProtocol(client=False, extensions=[]).send_data(text))


class Connection:
    """A socket, its protocol, and what waits to be sent.

    `lost` says why we dropped it without a farewell; the loop takes it out once `is_over`.
    """

    def __init__(self, sock: socket.socket, member: Member, *, now: float) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock: Final = sock
        self.member: Final = member
        self.is_over = False
        self.lost = ""
        self._protocol = Protocol(ConnectionType.SERVER)
        self._outgoing = bytearray()
        self._parts: list[str] = []
        self._size = 0
        self._heard_at = now
        self._is_pinged = False
        self._credit, self._credited_at = BURST, now
        self._ends_at: float | None = None
        self._is_deaf = False
        self._is_shut = False

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""
        return self._ends_at is None and not self.is_over

    @property
    def wants_to_send(self) -> bool:
        """Whether something waits for the kernel to take it."""
        return bool(self._outgoing)

    def send(self, data: bytes) -> None:
        """Send a frame, or keep it until the reader has room; one who never has is dropped."""
        if not self.is_open:
            return
        if len(self._outgoing) + len(data) > MOST_QUEUED_BYTES:
            self.drop("slow_reader")
            return
        self._outgoing += data
        self.flush()

    def flush(self) -> None:
        """Give the kernel what it takes."""
        try:
            while self._outgoing:
                del self._outgoing[: self.sock.send(self._outgoing)]
        except BlockingIOError:
            return
        except OSError:
            self.drop("")
            return
        if self._is_closed_by_both and not self._is_shut:
            # The other side reads our farewell before the end (RFC 6455, section 7.1.1).
            self._is_shut = True
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def receive(self, *, now: float) -> list[str]:
        """Read what has come, answer what the protocol wants, and return whole messages."""
        try:
            data = self.sock.recv(MOST_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.drop("")
            return []
        self._heard_at, self._is_pinged = now, False
        if self._is_deaf or self._protocol.state is ConnectionState.CLOSED:
            return []
        self._protocol.receive_data(data)
        messages: list[str] = []
        for event in self._protocol.events():
            text = self._take(event, now=now)
            if text is not None:
                messages.append(text)
            if self._hears_no_more():
                break
        return messages

    def close(self, code: int, reason: str, *, now: float) -> None:
        """Say farewell, and wait a moment for the other side's."""
        if not self.is_open:
            return
        self._ends_at = now + CLOSE_SECONDS
        self._outgoing += self._protocol.send(CloseConnection(code, reason))
        self.flush()

    def drop(self, why: str) -> None:
        """End it without a farewell."""
        if not self.is_over:
            self.is_over, self.lost = True, why
            if why == "slow_reader":
                # The kernel forgets what it holds for them.
                with suppress(OSError):
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    def look(self, *, now: float) -> None:
        """Ask a silent client whether it is there, and end what takes too long."""
        if self._ends_at is not None:
            if now > self._ends_at:
                self.drop("")
        elif now - self._heard_at > SILENCE_SECONDS:
            self.drop("silent")
        elif not self._is_pinged and now - self._heard_at > PING_SECONDS:
            self._is_pinged = True
            self.send(self._protocol.send(Ping()))

    @property
    def _is_closed_by_both(self) -> bool:
        return self._is_deaf or self._protocol.state is ConnectionState.CLOSED

    def _hears_no_more(self) -> bool:
        return self._is_deaf or self.is_over

    def _take(self, event: Event, *, now: float) -> str | None:
        if isinstance(event, TextMessage):
            return self._add(event, now=now)
        if isinstance(event, CloseConnection):
            self._part(event, now=now)
        elif not self.is_open:
            pass  # what comes after our farewell is not looked at
        elif isinstance(event, BytesMessage):
            self._refuse(UNSUPPORTED, "text_only", now=now)
        elif self._may_go_on(now) and isinstance(event, Ping):
            self.send(self._protocol.send(event.response()))
        return None

    def _add(self, event: TextMessage, *, now: float) -> str | None:
        """Collect the parts of a message; return it when it is whole."""
        self._parts.append(event.data)
        self._size += len(event.data.encode())
        if self._size > MOST_BYTES or len(self._parts) > MOST_PARTS:
            self._refuse(TOO_LARGE, "message_too_large", now=now)
            return None
        if not event.message_finished:
            return None
        text = "".join(self._parts)
        self._parts, self._size = [], 0
        return text if self.is_open and self._may_go_on(now) else None

    def _part(self, event: CloseConnection, *, now: float) -> None:
        """Answer a farewell, be glad of an answer to ours, or end what makes no sense."""
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            self._ends_at = now + CLOSE_SECONDS
            self._outgoing += self._protocol.send(CloseConnection(event.code))
        elif self._protocol.state is not ConnectionState.CLOSED:
            self._refuse(event.code, "protocol_error", now=now)
        self.flush()

    def _may_go_on(self, now: float) -> bool:
        """Count a message or a control frame; one who sends too many is sent away."""
        earned = (now - self._credited_at) * EACH_SECOND
        self._credit, self._credited_at = min(BURST, self._credit + earned) - 1, now
        if self._credit < 0:
            self._refuse(POLICY, "too_many_messages", now=now)
        return self._credit >= 0

    def _refuse(self, code: int, reason: str, *, now: float) -> None:
        """Say farewell to a client that broke a rule, and listen to it no more."""
        self.close(code, reason, now=now)
        self._is_deaf = True
        self._parts = []
        self.flush()
