"""Mail kept in files: without a mail server INSTANCE_DIR/mail is where it goes."""

import os
from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from uuid import UUID

from gatehouse.core import clock
from gatehouse.infra.jobs.desk import KEPT_WHEN_DONE
from gatehouse.infra.logs import logger
from gatehouse.settings import settings

# Line ends of a file, so that tools of the shell can cut a link out of it.
_POLICY = default.clone(utf8=True)


def keep(message: EmailMessage) -> None:
    """Write the message to a file that only this user of the machine can read.

    The log names the file; what stands in it, above all the link, it never shows.
    """
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry_id = message["Message-ID"].strip("<>").partition("@")[0]
    path = folder / f"{clock.now():%Y%m%dT%H%M%S.%fZ}-{entry_id}.eml"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(message.as_bytes(policy=_POLICY))
    logger.info("mail_kept", id=entry_id, path=str(path))


def forget(entry_ids: Iterable[UUID]) -> None:
    """Delete the files of these rows of the outbox."""
    for entry_id in entry_ids:
        for path in _folder().glob(f"*-{entry_id}.eml"):
            path.unlink(missing_ok=True)


def purge() -> None:
    """Delete files as old as the rows that lead to them may become."""
    over = f"{clock.now() - KEPT_WHEN_DONE:%Y%m%dT%H%M%S}"
    for path in _folder().glob("*.eml"):
        if path.name < over:
            path.unlink(missing_ok=True)


def _folder() -> Path:
    return settings.instance_dir / "mail"
