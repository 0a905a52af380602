"""The mail that the service has sent: files, and the tokens in them."""

import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

_TOKEN = re.compile(r"^([0-9a-f-]{36}\.[0-9a-f]{64})$", re.MULTILINE)


class Mailbox:
    """Everything that was sent, the oldest first.

    `deliver` makes the service send what is due. Where it does so by itself, `patience_seconds`
    is how long `token` waits for it.
    """

    def __init__(
        self,
        instance_dir: Path,
        deliver: Callable[[], object] = lambda: None,
        *,
        patience_seconds: float = 0,
    ) -> None:
        self._folder = instance_dir / "mail"
        self._deliver = deliver
        self._patience_seconds = patience_seconds

    def messages(self) -> list[EmailMessage]:
        """Return all messages, after those that are due were sent."""
        self._deliver()
        paths = sorted(self._folder.glob("*.eml"))
        found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [message for message in found if isinstance(message, EmailMessage)]

    def to(self, address: str) -> list[EmailMessage]:
        """Return the messages to one address, byte for byte."""
        return [message for message in self.messages() if message["To"] == address]

    def wait_for(self, address: str, subject: str) -> list[EmailMessage]:
        """Return the messages to one address with a subject, once there is any."""
        limit = time.monotonic() + self._patience_seconds
        while True:
            found = [one for one in self.to(address) if one["Subject"] == subject]
            if found or time.monotonic() > limit:
                return found
            time.sleep(0.02)

    def subjects(self, address: str) -> list[str]:
        """Return the subjects of the messages to one address."""
        return [str(message["Subject"]) for message in self.to(address)]

    def tokens(self, address: str) -> list[str]:
        """Return the one-time tokens that were sent to one address, the oldest first."""
        return [token for message in self.to(address) for token in tokens(message)]

    def token(self, address: str) -> str:
        """Return the newest one-time token that was sent to one address."""
        return self.nth_token(address, 1)

    def nth_token(self, address: str, number: int) -> str:
        """Return the newest token once at least `number` were sent to an address."""
        limit = time.monotonic() + self._patience_seconds
        while len(found := self.tokens(address)) < number and time.monotonic() < limit:
            time.sleep(0.02)
        return found[-1]


def tokens(message: EmailMessage) -> list[str]:
    """Return the one-time tokens in a message."""
    return _TOKEN.findall(text(message))


def text(message: EmailMessage) -> str:
    """Return the plain text of a message."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
