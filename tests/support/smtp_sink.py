"""A real SMTP server that remembers what it was given; how it answers can be chosen."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.server import free_port

HOST = "127.0.0.1"
PASSWORD = "right"


class Sink:
    """What the server was told; `answers` by step (RCPT, DATA), and how long DATA takes."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.peers: list[Any] = []  # from where each of them came
        self.answers: dict[str, str] = {}
        self.data_seconds = 0.0
        self.mails_of_a_connection: int | None = None

    @property
    def messages(self) -> list[EmailMessage]:
        """Every message that was taken, as a mail program reads it."""
        return [read(envelope.original_content or b"") for envelope in list(self.envelopes)]

    def ids(self, to: str | None = None) -> list[str]:
        """Return the Message-IDs of what was taken, or of what went to one address."""
        return [
            str(read(envelope.original_content or b"")["Message-ID"]).strip()
            for envelope in list(self.envelopes)
            if to is None or envelope.rcpt_tos == [to]
        ]


class _Handler:
    """What the server calls; it looks at every member of this at each connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a sender, or none where this connection has brought enough."""
        most = self._sink.mails_of_a_connection
        if most is not None and self._sink.peers.count(session.peer) >= most:
            return "550 5.7.0 too many mails of this connection"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or answer what was chosen."""
        if "RCPT" in self._sink.answers:
            return self._sink.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message, or answer what was chosen."""
        if self._sink.data_seconds:
            await asyncio.sleep(self._sink.data_seconds)
        if "DATA" in self._sink.answers:
            return self._sink.answers["DATA"]
        self._sink.peers.append(session.peer)
        self._sink.envelopes.append(envelope)
        return "250 OK"


class _Controller(Controller):
    """Runs the server in a thread, and knows its conversations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._conversations: list[SMTP] = []

    def factory(self) -> SMTP:
        """Return who speaks with a new client."""
        self._conversations.append(super().factory())
        return self._conversations[-1]

    def stop(self, no_assert: bool = False) -> None:
        """Hang up on clients that are still there, and end."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result()
        super().stop(no_assert=no_assert)

    async def _hang_up(self) -> None:
        for one in self._conversations:
            if one.transport is not None:
                one.transport.abort()
        await asyncio.sleep(0.01)  # they hear of it in the next turns


@contextmanager
def serving(sink: Sink, *, port: int | None = None, **options: Any) -> Iterator[Controller]:
    """Run the server in a thread until the block ends."""
    controller = _Controller(
        _Handler(sink),
        hostname=HOST,
        port=port or free_port(),
        enable_SMTPUTF8=True,
        auth_require_tls=False,
        authenticator=_authenticate,
        **options,
    )
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # it tells every line it reads
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def variables(port: int) -> dict[str, str]:
    """Return the settings of a service whose mail goes there."""
    return {
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(port),
        "SMTP_TLS": "none",
        "SMTP_TIMEOUT_SECONDS": "1",
        "PUBLIC_URL": "https://accounts.example.org",
        "MAIL_FROM": "Gatehouse <no-reply@example.org>",
    }


def read(data: bytes) -> EmailMessage:
    """Return a message as a mail program reads it."""
    message = message_from_string(data.decode(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: LoginPassword
) -> AuthResult:
    return AuthResult(success=auth_data.password == PASSWORD.encode())
