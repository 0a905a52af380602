"""Where mail goes: a mail server that takes our log-in, or a directory that can be written."""

import os
import smtplib
import ssl
from urllib.parse import urlsplit

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.settings import settings

_PATIENCE_SECONDS = 2
_CLEAR_TEXT_HOSTS = ("localhost", "127.0.0.1", "::1")


def findings() -> Findings:
    """Greet the mail server, encrypt and log in, and send nothing."""
    if settings.smtp_host is None:
        yield from _directory()
        return
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        _greet(settings.smtp_host)
    except smtplib.SMTPAuthenticationError as error:
        yield wrong(
            "mail",
            f"{where} refuses the log-in ({error.smtp_code})",
            "see SMTP_USER, SMTP_PASSWORD",
        )
    except (smtplib.SMTPException, OSError) as error:
        yield wrong(
            "mail",
            f"{where} does not work: {error}; mail waits in the outbox for a day",
            "see SMTP_HOST, SMTP_PORT and SMTP_TLS",
        )
    else:
        yield fine("mail", f"{where} takes mail (SMTP_TLS={settings.smtp_tls})")
        if settings.smtp_tls == "none" and settings.smtp_host not in _CLEAR_TEXT_HOSTS:
            yield odd("mail", "mail and its links travel unencrypted", "set SMTP_TLS=starttls")


def _greet(host: str) -> None:
    own_name = urlsplit(settings.public_url).hostname or "localhost"
    timeout = min(settings.smtp_timeout_seconds, _PATIENCE_SECONDS)
    context = ssl.create_default_context()
    if settings.smtp_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, settings.smtp_port, own_name, timeout=timeout, context=context
        )
    else:
        server = smtplib.SMTP(host, settings.smtp_port, own_name, timeout=timeout)
    with server:
        if settings.smtp_tls == "starttls":
            server.starttls(context=context)
        if settings.smtp_user is not None and settings.smtp_password is not None:
            server.login(settings.smtp_user, settings.smtp_password.value)
        server.noop()


def _directory() -> Findings:
    folder = settings.instance_dir / "mail"
    nearest = folder if folder.exists() else folder.parent
    if os.access(nearest, os.W_OK | os.X_OK):
        yield fine("mail", f"kept as files in {folder} (SMTP_HOST is not set)")
    else:
        yield wrong("mail", f"{nearest} cannot be written", "see INSTANCE_DIR, or set SMTP_HOST")
