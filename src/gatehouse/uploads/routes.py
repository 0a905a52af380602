"""The doors to one's own picture."""

from typing import Any

from flask import Response

from gatehouse import users
from gatehouse.infra import limits
from gatehouse.infra.storage import StorageFull, StorageUnavailable
from gatehouse.uploads import service
from gatehouse.uploads.errors import PictureRefused, UploadMissing, UploadNotFound
from gatehouse.uploads.schemas import AvatarAnnounced, AvatarUploaded, UploadOut
from gatehouse.uploads.vocabulary import AVATAR_CONFIRM, AVATAR_URL, AVATAR_URL_ADDRESS
from gatehouse.web import access, conditional
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.transaction import in_unit

blp = Blueprint("uploads", url_prefix="/api/v1", description="Pictures of people.")


@blp.post("/users/me/avatar")
@access.user
@blp.arguments(AvatarAnnounced)
@access.limited(AVATAR_URL)
@limits.by_address(AVATAR_URL_ADDRESS)
@in_unit
@blp.refuses(users.UserNotFound)
@blp.response(201, UploadOut, description="Where to send the picture.")
def announce_avatar(body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a URL to which a new picture of oneself may be sent.

    It takes one request, within 15 minutes, and shows the picture to nobody. Then confirm.
    Two uploads may wait to be confirmed; asking for a third withdraws the oldest.
    """
    upload_id, signed = service.announce(access.principal().user_id, **body)
    return {
        "upload_id": upload_id,
        "method": signed.method,
        "url": signed.url,
        "headers": dict(signed.headers),
        "expires_at": signed.expires_at,
    }


@blp.post("/users/me/avatar/confirm")
@access.user
@blp.arguments(AvatarUploaded)
@access.limited(AVATAR_CONFIRM)
@blp.refuses(UploadNotFound, UploadMissing, PictureRefused, users.UserNotFound)
@blp.refuses(StorageUnavailable, StorageFull)
@blp.response(200, users.UserOut, etag=True, description="The account with its new picture.")
def confirm_avatar(body: dict[str, Any]) -> Response:
    """Make the picture that was uploaded one's own.

    It has to be a PNG, JPEG or WebP of the announced kind and size, at most 8,192 pixels a side.
    Where and with what it was taken is left out of it. Confirming again changes nothing.
    """
    row = service.confirm(body["upload_id"], actor=access.principal(), origin=access.origin())
    return conditional.answer(users.document(row), version=row.version)


@blp.delete("/users/me/avatar")
@access.user
@in_unit
@blp.refuses(users.UserNotFound)
@blp.response(204, description="There is no picture.")
def remove_avatar() -> None:
    """Take one's own picture away."""
    service.remove(actor=access.principal(), origin=access.origin())
