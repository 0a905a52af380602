"""Blobs as files below INSTANCE_DIR/uploads, behind upload URLs that this service signs.

A URL binds method, container, name, type, length and the moment of its end. What comes is written
to a file aside and linked to its name when it is whole, on the disk: a name is there with all of
its content or not at all, and once.
"""

import errno
import os
import secrets as random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from gatehouse.core import clock
from gatehouse.core.errors import Conflict, Forbidden, Refusal
from gatehouse.infra import secrets
from gatehouse.infra.logs import logger
from gatehouse.infra.storage.blobs import (
    Blob,
    Patience,
    SignedUpload,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    check_names,
)

PART = 64 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ASIDE = ".partial"
_NOT_A_FOLDER = (FileExistsError, NotADirectoryError, IsADirectoryError)


class UploadUrlInvalid(Forbidden):
    """The upload URL has expired, or was not given for this method, name, type and length."""

    code = "upload_url_invalid"
    title = "The upload URL is not valid"
    remedy = "Ask for a new URL, and use it as it is, with the `headers` that came with it."


class WrongLength(Refusal):
    """The body is not as long as was announced when the upload URL was asked for."""

    code = "wrong_length"
    title = "The body has another length than was announced"
    remedy = "Announce the exact size, and send `Content-Length`."


class UploadExists(Conflict):
    """The upload URL has been used: it creates, and never replaces."""

    code = "upload_exists"
    title = "This upload has been made already"
    remedy = "Confirm it, or ask for a new URL."


class LocalStorage:
    """Containers are folders, blobs are files; only this user of the machine can read them."""

    def __init__(self, root: Path, *, url: str, most: int) -> None:
        self._root = root
        self._url = url
        self._most = most

    def sign_upload(
        self, container: str, blob: str, *, content_type: str, size: int | None, life: timedelta
    ) -> SignedUpload:
        """Return the URL by which this blob can be made, once; asks nobody."""
        expires_at = (clock.now() + life).replace(microsecond=0)
        bound = {
            "expires": str(int(expires_at.timestamp())),
            "type": content_type,
            "length": "" if size is None else str(size),
        }
        signature = secrets.mac(secrets.Purpose.UPLOAD, *_message(container, blob, bound))
        query = urlencode(bound | {"signature": signature})
        url = f"{self._url}/{container}/{blob}?{query}"
        return SignedUpload(url, expires_at, headers={"Content-Type": content_type})

    def check(
        self,
        container: str,
        blob: str,
        bound: Mapping[str, str],
        *,
        content_type: str,
        length: int | None,
    ) -> int:
        """Return how many bytes may be sent to a URL with these parameters.

        Raises UploadUrlInvalid, WrongLength or, before a byte is read, UploadExists.
        """
        signature = bound.get("signature", "")
        message = _message(container, blob, bound)
        if not secrets.mac_matches(secrets.Purpose.UPLOAD, signature, *message):
            raise UploadUrlInvalid
        if clock.now().timestamp() >= int(bound["expires"]) or content_type != bound["type"]:
            raise UploadUrlInvalid
        announced = bound.get("length")
        most = int(announced) if announced else self._most
        if length is None or length > most or (announced and length < most):
            raise WrongLength
        if self._path(container, blob).exists():
            raise UploadExists
        return length

    def create(self, container: str, blob: str, parts: Iterable[bytes]) -> None:
        """Make a blob of parts that arrive; raises UploadExists if there is one of this name."""
        path = self._path(container, blob)
        with _told():
            with self._aside() as draft:
                with os.fdopen(_new(draft), "wb") as file:
                    for part in parts:
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    self._make(path.parent)
                    os.link(draft, path)
                except _NOT_A_FOLDER:
                    raise UploadExists from None
            _sync(path.parent)

    def read(self, container: str, blob: str, *, limit: int, patience: Patience) -> bytes | None:
        """Return a blob, None if there is none; raises TooLarge beyond `limit` bytes."""
        with _told():
            try:
                with self._path(container, blob).open("rb") as file:
                    data = file.read(limit + 1)
            except (FileNotFoundError, *_NOT_A_FOLDER):
                return None
        if len(data) > limit:
            raise TooLarge
        return data

    def open(self, container: str, blob: str, *, patience: Patience) -> Blob | None:
        """Return a blob in parts, None if there is none."""
        with _told():
            try:
                file = self._path(container, blob).open("rb")
            except (FileNotFoundError, *_NOT_A_FOLDER):
                return None
        size = os.fstat(file.fileno()).st_size

        def parts() -> Iterator[bytes]:
            with file:
                while part := file.read(PART):
                    yield part

        return Blob(size, parts())

    def write(
        self, container: str, blob: str, data: bytes, *, content_type: str, patience: Patience
    ) -> None:
        """Make a blob; one that is there already stays as it is."""
        with suppress(UploadExists):
            self.create(container, blob, [data])

    def delete(self, container: str, blob: str) -> None:
        """Delete a blob if it is there."""
        with _told(), suppress(NotADirectoryError):
            self._path(container, blob).unlink(missing_ok=True)

    def sweep(self, container: str, folder: str, *, before: datetime) -> int:
        """Delete what lies in a folder since before a moment, and drafts that nobody finished."""
        count = 0
        with _told():
            for place in (self._path(container, folder), self._root / _ASIDE):
                for entry in os.scandir(place) if place.is_dir() else ():
                    # Another process may be at the same.
                    with suppress(FileNotFoundError):
                        if entry.stat().st_mtime < before.timestamp():
                            os.unlink(entry)
                            count += 1
        return count

    def trouble(self, container: str) -> str | None:
        """Return in words why blobs cannot be kept; None if they can."""
        nearest = next(one for one in (self._root, *self._root.parents) if one.exists())
        if os.access(nearest, os.W_OK | os.X_OK):
            return None
        return f"{nearest} cannot be written"

    def _path(self, container: str, blob: str) -> Path:
        check_names(container, blob)
        return self._root.joinpath(container, *blob.split("/"))

    def _make(self, folder: Path) -> None:
        """Make a folder, and those on the way to it, for nobody else."""
        for part in (*reversed(folder.parents), folder):
            if part.is_relative_to(self._root):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """Give a path for a draft, which goes in the end whatever happens."""
        folder = self._root / _ASIDE
        self._make(folder)
        draft = folder / random.token_hex(16)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _message(container: str, blob: str, bound: Mapping[str, str]) -> tuple[str, ...]:
    names = ("expires", "type", "length")
    return ("PUT", container, blob, *(bound.get(name, "") for name in names))


@contextmanager
def _told() -> Iterator[None]:
    """Say what the disk says in words of this house."""
    try:
        yield
    except OSError as error:
        logger.error("storage_failed", error=errno.errorcode.get(error.errno or 0, "unknown"))
        raise (StorageFull if error.errno in _NO_ROOM else StorageUnavailable) from error


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _sync(folder: Path) -> None:
    """Bring the entry of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
