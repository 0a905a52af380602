"""A connection to the mail server: it ends in time, and is kept for a moment for the next mail.

Mails come in crowds, and to connect, encrypt and log in takes longer than to hand one over.
"""

import os
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from gatehouse.settings import Settings

# A conversation ends after this, however slowly the server drips its answers: before a worker's
# limits, and well before the lease of the row.
LONGEST_SECONDS = 40.0
# For so long a connection waits for another mail, and takes so many; servers bear that.
REST_SECONDS = 2.0
MOST_MAILS = 100
# Whether the server is still there after a rest is known by then, or taken for a no.
PROBE_SECONDS = 2.0
GOODBYE_SECONDS = 1.0
_TICK_SECONDS = 0.25


class Connection(smtplib.SMTP):
    """A connection to a mail server that is greeted in clear text."""

    settings: Settings
    mails = 0
    _until = 0.0

    @classmethod
    def to(cls, settings: Settings) -> Self:
        """Connect as the settings say; raises SMTPException or OSError."""
        # Without a name of our own smtplib would ask the name service for one.
        own_name = urlsplit(settings.public_url).hostname or "localhost"
        timeout = settings.smtp_timeout_seconds
        connection = cls(settings.smtp_host or "", settings.smtp_port, own_name, timeout=timeout)
        connection.settings = settings
        try:
            if settings.smtp_tls == "starttls":
                connection.starttls(context=_trusting())
            if settings.smtp_user is not None and settings.smtp_password is not None:
                connection.login(settings.smtp_user, settings.smtp_password.value)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Connect, and let the time run."""
        self._ended = threading.Event()
        self.allow(LONGEST_SECONDS)
        threading.Thread(target=self._watch, name="mail-watch", daemon=True).start()
        try:
            return super().connect(*args, **kwargs)
        except BaseException:
            self._ended.set()
            raise

    def allow(self, seconds: float) -> None:
        """Let it last for so long from now on."""
        self._until = monotonic() + seconds

    def is_alive(self) -> bool:
        """Ask whether the server still listens."""
        try:
            return self.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def leave(self) -> None:
        """Say good-bye and close; how that is answered changes nothing."""
        with suppress(smtplib.SMTPException, OSError):
            self.putcmd("quit")
            if self.sock is not None:
                self.sock.settimeout(GOODBYE_SECONDS)
                self.sock.recv(512)
        self.close()

    def close(self) -> None:
        """Close; nothing is left to watch."""
        self._ended.set()
        super().close()

    def _watch(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            with _lock:
                if monotonic() < self._until:
                    continue
                was_resting = self in _resting
                if was_resting:
                    _resting.remove(self)
            if was_resting:
                self.leave()
            else:
                self._cut()
            return

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                # Of the plain socket: TLS has nothing to say good-bye with.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """A connection to a mail server that speaks TLS from the first byte."""

    def __init__(self, host: str, port: int, own_name: str, *, timeout: float) -> None:
        super().__init__(host, port, own_name, timeout=timeout, context=_trusting())


def take(settings: Settings) -> Connection:
    """Return the connection that rests, if it is of use, or a new one.

    Raises SMTPException or OSError where the mail server is away or refuses our log-in.
    """
    with _lock:
        rested = _resting.pop() if _resting else None
        if rested is not None:
            rested.allow(PROBE_SECONDS)
    if rested is not None:
        if rested.settings is settings and rested.mails < MOST_MAILS and rested.is_alive():
            rested.allow(LONGEST_SECONDS)
            return rested
        rested.leave()
    kind = TlsConnection if settings.smtp_tls == "tls" else Connection
    return kind.to(settings)


def give_back(connection: Connection) -> None:
    """Let a connection whose mail was taken rest for the next one."""
    connection.mails += 1
    with _lock:
        others = list(_resting)
        _resting[:] = [connection]
        connection.allow(REST_SECONDS)
    for other in others:
        other.leave()


def _trusting() -> ssl.SSLContext:
    """Return a context that trusts whom the system trusts at this moment."""
    paths = ssl.get_default_verify_paths()
    return _made(*((path, os.stat(path).st_mtime_ns) for path in paths[:2] if path))


@lru_cache(maxsize=1)
def _made(*_of: tuple[str, int]) -> ssl.SSLContext:
    """Make the context: to read all authorities takes longer than to write and send a mail."""
    return ssl.create_default_context()


# At most one in a process: its work is done by one thread.
_resting: list[Connection] = []
_lock = threading.Lock()
