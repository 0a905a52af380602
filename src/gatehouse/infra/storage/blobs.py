"""What is said about blobs, wherever they are kept: names, signed URLs, refusals, patience."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from gatehouse.core.errors import Refusal, Unavailable

LONGEST_LIFE = timedelta(hours=24)
LONGEST_NAME = 200

_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
# No part of a name begins with a dot, so that none leads elsewhere.
_BLOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*", re.ASCII)


class StorageUnavailable(Unavailable):
    """Where uploads are kept does not answer, or not in time."""

    code = "storage_unavailable"
    remedy = "Wait for `Retry-After`, then repeat: what was uploaded is still there."


class StorageFull(Refusal):
    """The disk on which uploads are kept is full."""

    status = 507
    code = "storage_full"
    title = "There is no room for uploads"
    remedy = "Try again later; an operator has to make room."


class TooLarge(Exception):
    """A blob is larger than its reader wants."""


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """A URL to which one blob may be sent once: by whom holds it, until it expires.

    `headers` have to come with the request, besides Content-Length.
    """

    url: str
    expires_at: datetime
    headers: Mapping[str, str]
    method: str = "PUT"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob on its way out: its size in bytes, and its parts."""

    size: int
    parts: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody waits for several calls together; only a store far away looks at it."""

    seconds: float
    _since: float = field(default_factory=monotonic)

    def left(self) -> float:
        """Return the seconds that are left; raises StorageUnavailable when none are."""
        seconds = self.seconds - (monotonic() - self._since)
        if seconds <= 0:
            raise StorageUnavailable
        return seconds


class Storage(Protocol):
    """A place for blobs. Calls may raise StorageUnavailable or StorageFull; signing never does."""

    def sign_upload(
        self, container: str, blob: str, *, content_type: str, size: int | None, life: timedelta
    ) -> SignedUpload:
        """Return the URL by which this blob can be made, once; asks nobody."""
        ...

    def read(self, container: str, blob: str, *, limit: int, patience: Patience) -> bytes | None:
        """Return a blob, None if there is none; raises TooLarge beyond `limit` bytes."""
        ...

    def open(self, container: str, blob: str, *, patience: Patience) -> Blob | None:
        """Return a blob in parts, None if there is none."""
        ...

    def write(
        self, container: str, blob: str, data: bytes, *, content_type: str, patience: Patience
    ) -> None:
        """Make a blob; one that is there already stays as it is."""
        ...

    def delete(self, container: str, blob: str) -> None:
        """Delete a blob if it is there."""
        ...

    def sweep(self, container: str, folder: str, *, before: datetime) -> int:
        """Delete what lies in a folder of a container since before a moment; return how many."""
        ...

    def trouble(self, container: str) -> str | None:
        """Return in words why blobs cannot be kept in a container; None if they can."""
        ...


def check_names(container: str, blob: str) -> None:
    """Raise ValueError unless both are names that every kind of storage takes."""
    if not _CONTAINER.fullmatch(container):
        raise ValueError("a container has 3 to 63 small letters, digits and single hyphens")
    if len(blob) > LONGEST_NAME or not _BLOB.fullmatch(blob):
        raise ValueError(
            "a blob is named by letters, digits and ._- in parts between slashes, "
            f"each beginning with a letter or digit, {LONGEST_NAME} characters at most"
        )


def check_upload(*, content_type: str, life: timedelta) -> None:
    """Raise ValueError unless a URL may be given for this type and this long."""
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise ValueError("a media type has no parameters, and small letters: image/png")
    if not timedelta() < life <= LONGEST_LIFE:
        raise ValueError("an upload URL lives 24 hours at most")
