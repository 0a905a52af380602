"""Looking at what was uploaded: fetched, judged, cleaned, and kept under another name."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from sqlalchemy import Row

from gatehouse.infra import storage
from gatehouse.infra.storage import Patience, StorageUnavailable, TooLarge
from gatehouse.settings import settings
from gatehouse.uploads import pictures
from gatehouse.uploads.errors import PictureRefused, UploadMissing
from gatehouse.uploads.vocabulary import INCOMING

# Each holds a whole picture or two in memory. While the storage hangs, so do these, and no more.
_AT_ONCE = BoundedSemaphore(4)
_PLACE_SECONDS = 0.5


def keep(upload: Row[Any]) -> None:
    """Keep the picture of an upload, without what nobody needs to know, under its other name.

    Raises UploadMissing, PictureRefused, StorageUnavailable or StorageFull. May be repeated.
    """
    container = settings.avatar_container
    with _place():
        patience = Patience(storage.IN_A_REQUEST_SECONDS)
        try:
            data = storage.read(
                container, f"{INCOMING}/{upload.id}", limit=upload.size, patience=patience
            )
        except TooLarge:
            raise PictureRefused("The picture is larger than was announced.") from None
        if data is None:
            raise UploadMissing
        if len(data) < upload.size:
            raise PictureRefused("The picture is smaller than was announced.")
        try:
            picture = pictures.cleaned(data)
        except pictures.Unreadable as error:
            raise PictureRefused(str(error)) from None
        if picture.media_type != upload.content_type:
            raise PictureRefused(
                f"The picture is {picture.media_type}, and was announced as another."
            )
        storage.write(
            container,
            upload.kept,
            picture.data,
            content_type=picture.media_type,
            patience=patience,
        )


@contextmanager
def _place() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_PLACE_SECONDS):
        raise StorageUnavailable
    try:
        yield
    finally:
        _AT_ONCE.release()
