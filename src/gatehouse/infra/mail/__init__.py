"""Mail: queued with the fact that causes it, written from a template when it is sent.

    mail.queue("verify_email", to=address, user_id=user_id, context={"one_time": {...}})

A template is text; its first line is the subject, and the HTML part is made from the same
paragraphs, but for those under `not is_html`. Links begin with PUBLIC_URL. What must not lie in
the outbox is resolved when the mail is sent: `register_resolver("one_time", …)` turns the member
of that name into the token.
Without SMTP_HOST a mail becomes a file in INSTANCE_DIR/mail, which the log names and never shows.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask
from jinja2 import Environment, PackageLoader, select_autoescape

from gatehouse.core import clock
from gatehouse.infra import db, jobs
from gatehouse.infra.jobs import Permanent
from gatehouse.infra.mail import files, smtp
from gatehouse.settings import Settings, settings

KIND = "mail"
Resolver = Callable[[Any], str | None]

# One address and nothing else: what separates addresses, quotes or ends a header has no place.
_ADDRESS = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff,;:<>()\[\]\\\"@]+"
    r"@[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff,;:<>()\[\]\\\"@]+"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_templates = Environment(
    loader=PackageLoader("gatehouse.infra.mail"),
    autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
    finalize=lambda value: (
        _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
    ),
)
_resolvers: dict[str, Resolver] = {}


def init_app(app: Flask, settings: Settings) -> None:
    """Let `app` send mail by its outbox."""
    jobs.declare(app, {KIND: perform}, {"mail.purge_files": (timedelta(days=1), files.purge)})


def register_resolver(name: str, resolve: Resolver) -> None:
    """Turn the context member `name` into text when a mail is sent; None drops the mail."""
    _resolvers[name] = resolve


def queue(
    template: str, *, to: str, context: Mapping[str, Any], user_id: UUID | None = None
) -> UUID:
    """Write a mail down in the present unit; it leaves after the commit. Returns its id."""
    payload = {"template": template, "to": to, "context": dict(context)}
    return jobs.enqueue(KIND, payload, user_id=user_id)


def perform(payload: dict[str, Any], entry_id: UUID) -> None:
    """Write and send the mail of one outbox row, always under the same Message-ID."""
    context: dict[str, Any] = {}
    for name, value in payload["context"].items():
        resolve = _resolvers.get(name)
        context[name] = value if resolve is None else resolve(value)
        if context[name] is None and resolve is not None:
            return
    subject, text, html = render(payload["template"], context)
    host = urlsplit(settings.public_url).hostname or "localhost"
    message_id = f"<{entry_id}@{host.replace(':', '-')}>"
    send(payload["to"], subject, text, html=html, message_id=message_id)
    if settings.smtp_host is None and jobs.found(entry_id) is None:
        # The person was forgotten while it was being written, which only now can be told.
        files.forget([entry_id])


def render(template: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail."""
    members = {
        **context,
        "product_name": settings.product_name,
        "public_url": settings.public_url,
    }
    source = _templates.get_template(f"{template}.txt.j2")
    head, _, text = source.render(members, is_html=False).partition("\n\n")
    subject = head.removeprefix("Subject: ").strip()
    # What programs need stands in the text alone; a reader of HTML has the link.
    shown = source.render(members, is_html=True).partition("\n\n")[2]
    paragraphs = [block.splitlines() for block in shown.strip().split("\n\n")]
    html = _templates.get_template("_layout.html.j2").render(
        members, subject=subject, paragraphs=paragraphs
    )
    return subject, text.strip() + "\n", html


def send(to: str, subject: str, text: str, *, html: str | None, message_id: str) -> None:
    """Send one message to one address.

    Raises jobs.Permanent for what cannot be an address and for a final refusal of the mail
    server, jobs.TryLater while the mail server is away.
    """
    recipient = _address(to)
    name, sender = parseaddr(settings.mail_from)
    message = EmailMessage(policy=SMTPUTF8)
    message["Date"] = format_datetime(clock.now())
    message["From"] = Address(name, addr_spec=sender)
    message["To"] = recipient
    message["Subject"] = subject
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte=_encoding(text))
    if html is not None:
        message.add_alternative(html, subtype="html", cte=_encoding(html))
    if settings.smtp_host is None:
        files.keep(message)
    else:
        smtp.deliver(message, sender=sender, recipient=to, settings=settings)


def export(user_id: UUID) -> list[dict[str, Any]]:
    """Return which mail a person was sent or will be; what was in it is not kept."""
    return [
        {
            "id": row.id,
            "template": row.payload.get("template"),
            "to": row.payload.get("to"),
            "state": row.state,
            "created_at": row.created_at,
        }
        for row in jobs.rows_of(user_id, kind=KIND)
    ]


def forget(user_id: UUID) -> None:
    """Delete the waiting and the kept mail of a person, in the present unit."""
    entry_ids = jobs.of_user(user_id, kind=KIND)
    db.after_commit(lambda: files.forget(entry_ids))
    jobs.forget(user_id, kind=KIND)


def _address(text: str) -> Address:
    """Return the one address that `text` is, to the letter; raises Permanent for all else."""
    if _ADDRESS.fullmatch(text):
        name, _, domain = text.rpartition("@")
        address = Address(username=name, domain=domain)
        if address.addr_spec == text:
            return address
    raise Permanent("this is not one e-mail address")


def _encoding(text: str) -> str:
    """Choose plain text where it can be: a link in a kept file then reads as it is."""
    is_plain = text.isascii() and all(len(line) < 900 for line in text.splitlines())
    return "7bit" if is_plain else "quoted-printable"
