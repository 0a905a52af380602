"""WebSockets by themselves: bounds, pings and farewells, on real sockets, in time of our own."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from gatehouse.infra import metrics
from gatehouse.infra.push import EVERYONE, Audience, Message
from gatehouse.infra.sockets import Connection, Loop, Member, accept_token, frame
from gatehouse.infra.sockets import connection as bounds

TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame as a client sends it (RFC 6455, section 5.2)."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65_536:
        head += bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Return opcode and payload of the frames that a server sent."""
    found = []
    while data:
        length, at = data[1], 2
        if length == 126:
            length, at = struct.unpack("!H", data[2:4])[0], 4
        found.append((data[0] & 15, data[at : at + length]))
        data = data[at + length :]
    return found


def farewell(code: int, reason: str = "") -> bytes:
    """Return what a close frame holds."""
    return struct.pack("!H", code) + reason.encode()


def member() -> Member:
    """Return somebody."""
    return Member(uuid4(), uuid4(), "c1")


class Pair:
    """A connection at time 0, and the client's end of it."""

    def __init__(self, stack: ExitStack) -> None:
        ours, self.client = socket.socketpair()
        stack.callback(ours.close)
        stack.callback(self.client.close)
        self.client.settimeout(5)
        self.connection = Connection(ours, member(), now=0)

    def says(self, *sent: bytes, now: float = 0) -> list[str]:
        """Send frames in one piece; return the messages that the connection took."""
        self.client.sendall(b"".join(sent))
        return self.connection.receive(now=now)

    def hears(self) -> list[tuple[int, bytes]]:
        """Return the frames that have come to the client."""
        self.client.setblocking(False)
        data = b""
        try:
            while part := self.client.recv(65_536):
                data += part
        except BlockingIOError:
            pass
        return frames(data)

    @property
    def is_ended(self) -> bool:
        """Whether the server has sent the end of the stream, after all that was read."""
        self.client.settimeout(5)
        return self.client.recv(1) == b""


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return a connection and its client."""
    with ExitStack() as stack:
        yield Pair(stack)


def test_the_answer_to_a_key_is_that_of_the_standard() -> None:
    assert accept_token("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_message_may_come_in_parts_with_a_ping_between_them(pair: Pair) -> None:
    assert pair.says(masked(TEXT, b"a", fin=False), masked(PING, b"?")) == []
    assert pair.hears() == [(PONG, b"?")]
    assert pair.says(masked(MORE, b"b", fin=False)) == []
    assert pair.says(masked(MORE, b"c"), masked(TEXT, "ü".encode())) == ["abc", "ü"]
    # By the byte, too.
    *bytes_, last = masked(TEXT, b"slow")
    assert [pair.says(bytes([byte])) for byte in bytes_] == [[]] * len(bytes_)
    assert pair.says(bytes([last])) == ["slow"]


@pytest.mark.parametrize("sizes", [(65_537,), (40_000, 25_537)])
def test_r109_a_message_of_more_than_64_kb_ends_the_socket(
    pair: Pair, sizes: tuple[int, ...]
) -> None:
    thread = threading.Thread(target=_send_parts, args=(pair.client, sizes))
    thread.start()
    while pair.connection.is_open:
        assert pair.connection.receive(now=0) == []
    assert pair.hears() == [(CLOSE, farewell(1009, "message_too_large"))]
    assert pair.is_ended
    # What still comes is taken off the line, so that the farewell is not lost, and forgotten.
    assert pair.connection.receive(now=0) == []
    thread.join(5)


def _send_parts(client: socket.socket, sizes: tuple[int, ...]) -> None:
    for number, size in enumerate(sizes):
        is_last = number == len(sizes) - 1
        client.sendall(masked(MORE if number else TEXT, b"x" * size, fin=is_last))


def test_a_message_of_64_kb_is_taken(pair: Pair) -> None:
    thread = threading.Thread(target=_send_parts, args=(pair.client, (65_536,)))
    thread.start()
    found: list[str] = []
    while not found:
        found = pair.connection.receive(now=0)
    thread.join(5)
    assert found == ["x" * 65_536]


def test_crumbs_end_the_socket(pair: Pair) -> None:
    """Empty parts never make a message too large, but each costs a step."""
    pair.says(masked(TEXT, b"", fin=False))
    for _ in range(bounds.MOST_PARTS):
        pair.says(masked(MORE, b"", fin=False))
    assert pair.hears() == [(CLOSE, farewell(1009, "message_too_large"))]


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (masked(BINARY, b"x"), 1003, "text_only"),
        (masked(TEXT, b"\xff"), 1007, "protocol_error"),
        (b"\x81\x01x", 1002, "protocol_error"),
        (masked(3), 1002, "protocol_error"),
        (masked(MORE, b"x"), 1002, "protocol_error"),
        (masked(PING, b"x" * 126), 1002, "protocol_error"),
        (masked(CLOSE, farewell(1006)), 1002, "protocol_error"),
    ],
    ids=["binary", "no UTF-8", "unmasked", "opcode", "no beginning", "long ping", "odd code"],
)
def test_what_breaks_the_rules_ends_the_socket(
    pair: Pair, sent: bytes, code: int, reason: str
) -> None:
    assert pair.says(sent, masked(TEXT, b"and more")) == []
    assert pair.hears() == [(CLOSE, farewell(code, reason))]
    assert pair.is_ended
    assert not pair.connection.is_open


def test_who_sends_too_much_is_sent_away(pair: Pair) -> None:
    """A burst, then five a second; control frames count too."""
    burst = int(bounds.BURST)
    assert pair.says(*[masked(TEXT, b"x")] * (burst - 5), *[masked(PONG)] * 5) == ["x"] * (
        burst - 5
    )
    assert pair.connection.is_open
    assert len(pair.says(*[masked(TEXT, b"x")] * 5, now=1)) == 5
    assert pair.says(masked(PING), now=1) == []
    assert pair.hears() == [(CLOSE, farewell(1008, "too_many_messages"))]


def test_a_farewell_is_answered_and_the_service_hangs_up(pair: Pair) -> None:
    assert pair.says(masked(TEXT, b"last"), masked(CLOSE, farewell(1000, "bye"))) == ["last"]
    assert pair.hears() == [(CLOSE, farewell(1000))]
    assert pair.is_ended
    pair.client.close()
    pair.connection.receive(now=0)
    assert pair.connection.is_over
    assert pair.connection.lost == ""


def test_a_farewell_without_a_code_is_answered_without_one(pair: Pair) -> None:
    pair.says(masked(CLOSE))
    assert pair.hears() == [(CLOSE, b"")]


def test_our_farewell_waits_for_an_answer(pair: Pair) -> None:
    pair.connection.close(4401, "session_ended", now=0)
    pair.connection.send(frame("too late"))
    assert pair.says(masked(TEXT, b"too late"), masked(PING)) == []
    assert pair.hears() == [(CLOSE, farewell(4401, "session_ended"))]
    pair.connection.look(now=bounds.CLOSE_SECONDS - 0.1)
    assert not pair.connection.is_over
    pair.says(masked(CLOSE, farewell(4401)))
    assert pair.is_ended


def test_r30_who_does_not_answer_a_farewell_is_dropped(pair: Pair) -> None:
    pair.connection.close(4401, "session_ended", now=0)
    pair.connection.look(now=bounds.CLOSE_SECONDS + 0.1)
    assert pair.connection.is_over


def test_a_silent_client_is_asked_and_then_dropped(pair: Pair) -> None:
    for now in (10, 19, 21, 22, 40):
        pair.connection.look(now=now)
    assert pair.hears() == [(PING, b"")]
    pair.says(masked(PONG), now=44)
    pair.connection.look(now=50)
    pair.connection.look(now=65)
    assert pair.hears() == [(PING, b"")]
    pair.connection.look(now=88)
    assert not pair.connection.is_over
    pair.connection.look(now=90)
    assert (pair.connection.is_over, pair.connection.lost) == (True, "silent")


def test_r109_a_slow_reader_is_dropped(pair: Pair) -> None:
    """What waits for one is bounded, here and in the kernel."""
    one = frame("x" * 10_000)
    for _ in range(1000):
        pair.connection.send(one)
        if pair.connection.is_over:
            break
    assert pair.connection.lost == "slow_reader"


def test_who_reads_again_in_time_misses_nothing(pair: Pair) -> None:
    count = 0
    while not pair.connection.wants_to_send:
        pair.connection.send(frame(f"{count:05}" * 1000))
        count += 1
    found: list[tuple[int, bytes]] = []
    data = b""
    pair.client.setblocking(False)
    while pair.connection.wants_to_send or len(found) < count:
        try:
            data += pair.client.recv(65_536)
        except BlockingIOError:
            pair.connection.flush()
        found = frames(data) if len(data) == count * 5004 else found
    assert [payload[:5] for _, payload in found] == [f"{n:05}".encode() for n in range(count)]


class Recorder:
    """A handler that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def opened(self, connection: Connection) -> None:
        """Note and greet."""
        self.told.append(("opened", connection.member))
        connection.send(frame("hello"))

    def said(self, connection: Connection, text: str) -> None:
        """Note, or break."""
        if text == "break":
            raise ZeroDivisionError
        self.told.append(("said", text))

    def closed(self, connection: Connection) -> None:
        """Note."""
        self.told.append(("closed", connection.member))

    def stop(self) -> None:
        """Do nothing."""


class Served:
    """A running loop, and clients of it."""

    def __init__(self, stack: ExitStack) -> None:
        self.left: list[None] = []
        self.recorder = Recorder()
        self.loop = Loop(measures=metrics.SILENT, left=lambda: self.left.append(None))
        self.loop.handler = self.recorder
        self.loop.start()
        stack.callback(self.loop.stop)
        self._stack = stack

    def join(self, who: Member) -> socket.socket:
        """Open a socket and wait for its greeting."""
        ours, client = socket.socketpair()
        self._stack.callback(client.close)
        client.settimeout(5)
        self.loop.adopt(ours, who)
        assert heard(client) == (TEXT, b"hello")
        return client


def heard(client: socket.socket) -> tuple[int, bytes]:
    """Return the next frame, of less than 126 bytes."""
    head = client.recv(2, socket.MSG_WAITALL)
    payload = client.recv(head[1], socket.MSG_WAITALL) if head[1] else b""
    return head[0] & 15, payload


@pytest.fixture
def served() -> Iterator[Served]:
    """Return a running loop."""
    with ExitStack() as stack:
        yield Served(stack)


def test_a_message_reaches_its_audience_alone(served: Served) -> None:
    ada, bob = member(), member()
    ada_again = Member(ada.user_id, uuid4(), "c2")
    clients = [served.join(who) for who in (ada, ada_again, bob)]
    for to, text in (
        (Audience(user_id=ada.user_id), "to Ada"),
        (Audience(session_id=bob.session_id), "to Bob's session"),
        (EVERYONE, "to all"),
    ):
        served.loop.send(Message(to, text))
    expected = [["to Ada", "to all"], ["to Ada", "to all"], ["to Bob's session", "to all"]]
    for client, texts in zip(clients, expected, strict=True):
        assert [heard(client)[1].decode() for _ in texts] == texts
    assert served.loop.sessions() == {ada.session_id, ada_again.session_id, bob.session_id}
    assert served.loop.has(Audience(user_id=bob.user_id))
    assert not served.loop.has(Audience(user_id=uuid4()))


def test_a_socket_that_breaks_ends_alone(served: Served) -> None:
    one, other = served.join(member()), served.join(member())
    one.sendall(masked(TEXT, b"break"))
    assert heard(one) == (CLOSE, farewell(1011, "internal_error"))
    assert one.recv(1) == b""
    served.loop.send(Message(EVERYONE, "on"))
    assert heard(other) == (TEXT, b"on")
    assert len(served.left) == 1


def test_a_stop_asks_each_client_to_come_back_at_a_time_of_its_own(served: Served) -> None:
    clients = [served.join(member()) for _ in range(20)]
    threading.Thread(target=served.loop.stop).start()
    hints = set()
    for client in clients:
        opcode, text = heard(client)
        assert opcode == TEXT
        assert text.startswith(b'{"type":"retry","after_seconds":')
        hints.add(float(text.split(b":")[-1].rstrip(b"}")))
        assert heard(client) == (CLOSE, farewell(1012, "service_restart"))
        client.sendall(masked(CLOSE, farewell(1012)))
        assert client.recv(1) == b""
    assert len(hints) > 15
    assert all(0.5 <= hint <= 5 for hint in hints)


def test_a_stop_does_not_wait_for_who_says_nothing(served: Served) -> None:
    clients = [served.join(member()) for _ in range(3)]
    began = time.monotonic()
    served.loop.stop()
    assert time.monotonic() - began < 5
    assert not served.loop.is_alive()
    assert len(served.left) == len(clients)
    assert [kind for kind, _ in served.recorder.told].count("closed") == len(clients)
