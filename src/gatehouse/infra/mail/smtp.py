"""How a message leaves by SMTP, and which refusal is final."""

import os
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from functools import lru_cache
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from gatehouse.infra.jobs.runner import Permanent, TryLater
from gatehouse.settings import Settings

# A conversation ends after this, however slowly the server drips its answers: before a worker's
# limits, and well before the lease of the row.
LONGEST_SECONDS = 40.0


class _Bounded:
    """Cuts the connection of a server that keeps talking without coming to an end."""

    _timer: Timer | None = None

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Connect, and let the time run."""
        self._timer = Timer(LONGEST_SECONDS, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            answer: tuple[int, bytes] = super().connect(*args, **kwargs)  # type: ignore[misc]
        except BaseException:
            self._timer.cancel()
            raise
        return answer

    def close(self) -> None:
        """Close the connection; nothing is left to cut."""
        if self._timer is not None:
            self._timer.cancel()
        super().close()  # type: ignore[misc]

    def _cut(self) -> None:
        connection = getattr(self, "sock", None)
        if connection is not None:
            with suppress(OSError):
                # Of the plain socket: TLS has nothing to say good-bye with.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Server(_Bounded, smtplib.SMTP):
    """A mail server that is greeted in clear text."""


class _TlsServer(_Bounded, smtplib.SMTP_SSL):
    """A mail server that speaks TLS from the first byte."""


def deliver(message: EmailMessage, *, sender: str, recipient: str, settings: Settings) -> None:
    """Hand the message to the mail server, for this one recipient.

    Raises Permanent when the server refuses the message for good (5xx), TryLater for everything
    that may pass: 4xx, a refused log-in, a server that is away or hangs.
    """
    try:
        server = _connect(settings)
        try:
            _hand_over(server, message, sender=sender, recipient=recipient)
            # The message is theirs; how they say good-bye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[recipient]
        raise _judged(code, text) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _judged(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TryLater(_without_addresses(f"{type(error).__name__}: {error}")) from error


def _connect(settings: Settings) -> smtplib.SMTP:
    assert settings.smtp_host is not None
    # Without a name of our own smtplib would ask the name service for one.
    own_name = urlsplit(settings.public_url).hostname or "localhost"
    timeout = settings.smtp_timeout_seconds
    server: smtplib.SMTP
    if settings.smtp_tls == "tls":
        server = _TlsServer(
            settings.smtp_host, settings.smtp_port, own_name, timeout=timeout, context=_trusting()
        )
    else:
        server = _Server(settings.smtp_host, settings.smtp_port, own_name, timeout=timeout)
    try:
        if settings.smtp_tls == "starttls":
            server.starttls(context=_trusting())
        if settings.smtp_user is not None and settings.smtp_password is not None:
            server.login(settings.smtp_user, settings.smtp_password.value)
    except BaseException:
        server.close()
        raise
    return server


def _trusting() -> ssl.SSLContext:
    """Return a context that trusts whom the system trusts at this moment."""
    paths = ssl.get_default_verify_paths()
    return _made(*((path, os.stat(path).st_mtime_ns) for path in paths[:2] if path))


@lru_cache(maxsize=1)
def _made(*_of: tuple[str, int]) -> ssl.SSLContext:
    """Make the context: to read all authorities takes longer than to write and send a mail."""
    return ssl.create_default_context()


def _hand_over(server: smtplib.SMTP, message: EmailMessage, *, sender: str, recipient: str) -> None:
    if (sender + recipient).isascii():
        server.sendmail(sender, [recipient], message.as_bytes(policy=SMTP))
        return
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("smtputf8"):
        raise Permanent("the mail server takes no address beyond ASCII (SMTPUTF8, RFC 6531)")
    server.sendmail(
        sender, [recipient], message.as_bytes(policy=SMTPUTF8), ["SMTPUTF8", "BODY=8BITMIME"]
    )


def _judged(code: int, text: bytes | str) -> Exception:
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    kind = Permanent if 500 <= code < 600 else TryLater
    return kind(_without_addresses(f"{code} {told}"))


def _without_addresses(text: str) -> str:
    """Leave out what the server repeats of an address: it would stand in the log and the row."""
    return " ".join("<address>" if "@" in word else word for word in text.split())
