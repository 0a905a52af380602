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
from typing import Any
from urllib.parse import urlsplit

from gatehouse.settings import Settings

# For so long a connection waits for another mail, and takes so many; servers bear that.
REST_SECONDS = 2.0
MOST_MAILS = 100
# Whether the server is still there after a rest is known by then, or taken for a no.
PROBE_SECONDS = 2.0
GOODBYE_SECONDS = 1.0
_TICK_SECONDS = 0.25


class Connection(smtplib.SMTP):
    """A connection to a mail server that is greeted in clear text; cut at `until` (monotonic).

    Raises SMTPException or OSError where the mail server is away or refuses our log-in.
    """

    def __init__(self, settings: Settings, *, until: float) -> None:
        assert settings.smtp_host is not None
        self.settings, self.until, self.mails = settings, until, 0
        self._ended = threading.Event()
        # Without a name of our own smtplib would ask the name service for one.
        own_name = urlsplit(settings.public_url).hostname or "localhost"
        timeout = settings.smtp_timeout_seconds
        threading.Thread(target=self._watch, name="mail-watch", daemon=True).start()
        try:
            super().__init__(
                settings.smtp_host, settings.smtp_port, own_name, timeout=timeout, **self._how()
            )
            if settings.smtp_tls == "starttls":
                self.starttls(context=_trusting())
            if settings.smtp_user is not None and settings.smtp_password is not None:
                self.login(settings.smtp_user, settings.smtp_password.value)
        except BaseException:
            self.close()
            raise

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

    def _how(self) -> dict[str, Any]:
        return {}

    def _watch(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            with _lock:
                if monotonic() < self.until:
                    continue
                was_resting = self in _resting
                if was_resting:
                    _resting.remove(self)
                else:
                    self._cut()
            if was_resting:
                self.leave()

    def _cut(self) -> None:
        connection = getattr(self, "sock", None)
        if connection is not None:
            with suppress(OSError):
                # Of the plain socket: TLS has nothing to say good-bye with.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """A connection to a mail server that speaks TLS from the first byte."""

    def _how(self) -> dict[str, Any]:
        return {"context": _trusting()}


def take(settings: Settings, *, until: float) -> Connection:
    """Return the connection that rests, if it is of use, or a new one; cut at `until`."""
    with _lock:
        rested = _resting.pop() if _resting else None
        if rested is not None:
            rested.until = min(until, monotonic() + PROBE_SECONDS)
    if rested is not None:
        if rested.settings is settings and rested.mails < MOST_MAILS and rested.is_alive():
            with _lock:
                rested.until = until
            return rested
        rested.leave()
    return new(settings, until=until)


def new(settings: Settings, *, until: float) -> Connection:
    """Return a new connection, which is cut at `until`."""
    kind = TlsConnection if settings.smtp_tls == "tls" else Connection
    return kind(settings, until=until)


def give_back(connection: Connection) -> None:
    """Let a connection whose mail was taken rest for the next one."""
    connection.mails += 1
    with _lock:
        others = list(_resting)
        _resting[:] = [connection]
        connection.until = monotonic() + REST_SECONDS
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
