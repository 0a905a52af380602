"""Pictures of people: announced, sent to a signed URL, confirmed; and what is swept away."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gatehouse import users
from gatehouse.core import clock
from gatehouse.core.errors import Unprocessable
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import db, jobs, storage
from gatehouse.infra.storage import SignedUpload, StorageFull, StorageUnavailable
from gatehouse.settings import settings
from gatehouse.uploads import inspection, repository
from gatehouse.uploads.errors import PictureRefused, UploadMissing, UploadNotFound
from gatehouse.uploads.vocabulary import (
    AVATARS,
    CONFIRMED_WITHIN,
    DELETE_BLOB,
    INCOMING,
    MOST_UNCONFIRMED,
    UNCONFIRMED_LIFE,
    URL_LIFE,
)

# When whoever was still sending or confirming is done for certain, and every URL has expired.
ONCE_MORE = timedelta(hours=1)


def announce(user_id: UUID, *, content_type: str, size: int) -> tuple[UUID, SignedUpload]:
    """Note, in the present unit, that a picture will come; return its id and where to send it.

    With it MOST_UNCONFIRMED wait at most: what the person announced before those is withdrawn.
    Raises UserNotFound, or Unprocessable for one that is larger than MAX_UPLOAD_BYTES.
    """
    if size > settings.max_upload_bytes:
        raise Unprocessable(errors={"size": [f"At most {settings.max_upload_bytes} bytes."]})
    users.hold(user_id)
    _let_go(repository.take_unconfirmed(user_id, but=MOST_UNCONFIRMED - 1))
    upload_id = new_id()
    repository.add(
        {
            "id": upload_id,
            "user_id": user_id,
            "kept": secrets.token_hex(16),
            "content_type": content_type,
            "size": size,
            "created_at": clock.now(),
        }
    )
    signed = storage.sign_upload(
        settings.avatar_container,
        f"{INCOMING}/{upload_id}",
        content_type=content_type,
        size=size,
        life=URL_LIFE,
    )
    return upload_id, signed


def confirm(upload_id: UUID, *, actor: Principal, origin: Origin) -> Row[Any]:
    """Make what was uploaded the picture of the caller and return the account.

    Opens its units itself, and asks the storage outside of them. Confirming again changes
    nothing. Raises UploadNotFound, UploadMissing, PictureRefused, UserNotFound and what the
    storage raises.
    """
    upload = _own(upload_id, actor.user_id)
    if upload.confirmed_at is None:
        try:
            inspection.keep(upload)
        except UploadMissing:
            # Unless another request has confirmed it meanwhile, and the upload was cleared away.
            if _own(upload_id, actor.user_id).confirmed_at is None:
                raise
        except PictureRefused:
            _give_up(upload)
            raise
        else:
            with db.unit():
                _adopt(upload, actor=actor, origin=origin)
    row = users.by_id(actor.user_id)
    if row is None:
        raise users.UserNotFound
    return row


def remove(*, actor: Principal, origin: Origin) -> None:
    """Take the caller's picture away, in the present unit; without one nothing happens."""
    _discard_avatar(users.set_avatar(actor.user_id, None, actor=actor, origin=origin))


def export(user_id: UUID) -> dict[str, Any]:
    """Return the uploads that a person announced within the last day."""
    shown = ("created_at", "confirmed_at", "content_type", "size")
    rows = repository.of_user(user_id)
    return {"uploads": [{name: row._mapping[name] for name in shown} for row in rows]}


def forget(user_id: UUID) -> None:
    """Let go of a person's picture and of all that they may yet upload, in the present unit."""
    _discard_avatar(users.avatar_of(user_id))
    _let_go(repository.take_of_user(user_id))


def delete_blob(payload: dict[str, Any], _entry_id: UUID) -> None:
    """Delete a blob of the container; the job of what was let go of."""
    try:
        storage.delete(settings.avatar_container, payload["blob"])
    except (StorageUnavailable, StorageFull) as error:
        raise jobs.TryLater(error.title) from error


def sweep() -> None:
    """Delete what nobody has confirmed within a day, and forget who announced what."""
    before = clock.now() - UNCONFIRMED_LIFE
    storage.sweep(settings.avatar_container, INCOMING, before=before)
    while rows := repository.made_before(before):
        for row in rows:
            # Kept, and then its request ended before the account named it.
            if row.confirmed_at is None:
                storage.delete(settings.avatar_container, row.kept)
        with db.unit():
            repository.remove([row.id for row in rows])


def _own(upload_id: UUID, user_id: UUID) -> Row[Any]:
    upload = repository.own(upload_id, user_id=user_id)
    if upload is None or upload.created_at < clock.now() - CONFIRMED_WITHIN:
        raise UploadNotFound
    return upload


def _adopt(upload: Row[Any], *, actor: Principal, origin: Origin) -> None:
    """Let the account name the picture, unless another request has confirmed it meanwhile.

    The account is locked first, as whoever erases it or announces more does. Raises
    UploadNotFound if the upload was withdrawn meanwhile.
    """
    users.hold(actor.user_id)
    if not repository.confirm(upload.id):
        if not repository.is_there(upload.id):
            raise UploadNotFound
        return
    name = f"{AVATARS}/{upload.kept}"
    before = users.set_avatar(actor.user_id, name, actor=actor, origin=origin)
    _discard_avatar(before)
    _discard(f"{INCOMING}/{upload.id}")


def _give_up(upload: Row[Any]) -> None:
    with db.unit():
        if repository.remove_unconfirmed(upload.id):
            _discard(f"{INCOMING}/{upload.id}")


def _let_go(rows: Iterable[Row[Any]]) -> None:
    """Delete what came of uploads whose rows are gone, and what a confirmation may have kept."""
    for upload in rows:
        _discard(f"{INCOMING}/{upload.id}")
        _discard(upload.kept)


def _discard_avatar(avatar: str | None) -> None:
    if avatar is not None:
        _discard(avatar.removeprefix(f"{AVATARS}/"))


def _discard(blob: str) -> None:
    """Delete a blob after the commit, and once more when nobody can have made it anew."""
    jobs.enqueue(DELETE_BLOB, {"blob": blob})
    jobs.enqueue(DELETE_BLOB, {"blob": blob}, delay=ONCE_MORE)
