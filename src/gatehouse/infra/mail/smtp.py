"""How a message leaves by SMTP, and which refusal is final."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from functools import partial
from time import monotonic

from gatehouse.infra.jobs.runner import Permanent, TryLater
from gatehouse.infra.mail import connection
from gatehouse.settings import Settings

# A mail is handed over or given up within this, however slowly the server drips its answers: before
# a worker's limits, and well before the lease of the row.
LONGEST_SECONDS = 40.0


def deliver(message: EmailMessage, *, sender: str, recipient: str, settings: Settings) -> None:
    """Hand the message to the mail server, for this one recipient.

    Raises Permanent when the server refuses the message for good (5xx), TryLater for everything
    that may pass: 4xx, a refused log-in, a server that is away or hangs.
    """
    until = monotonic() + LONGEST_SECONDS
    hand_over = partial(_hand_over, message, sender=sender, recipient=recipient)
    try:
        server = connection.take(settings, until=until)
        try:
            hand_over(server)
        except smtplib.SMTPSenderRefused:
            if not server.mails:
                raise
            # It may take no more mails of this connection; of this one it has nothing yet.
            hand_over(connection.new(settings, until=until))
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[recipient]
        raise _judged(code, text) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _judged(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TryLater(_without_addresses(f"{type(error).__name__}: {error}")) from error


def _hand_over(
    message: EmailMessage, server: connection.Connection, *, sender: str, recipient: str
) -> None:
    try:
        _send(server, message, sender=sender, recipient=recipient)
    except BaseException:
        server.close()
        raise
    connection.give_back(server)


def _send(server: smtplib.SMTP, message: EmailMessage, *, sender: str, recipient: str) -> None:
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
