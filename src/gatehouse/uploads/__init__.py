"""Uploads: pictures of people, and signed URLs to which files of other features may be sent."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.infra.storage import SignedUpload
from gatehouse.uploads.files import blueprint as files
from gatehouse.uploads.routes import blp
from gatehouse.uploads.service import delete_blob, export, forget, sweep
from gatehouse.uploads.signing import generate_upload_url
from gatehouse.uploads.vocabulary import (
    AVATAR_CONFIRM,
    AVATAR_URL,
    AVATAR_URL_ADDRESS,
    DELETE_BLOB,
)

__all__ = ["SignedUpload", "feature", "generate_upload_url"]

feature = Feature(
    name="uploads",
    blueprints=(blp, files),
    limits=(AVATAR_URL, AVATAR_URL_ADDRESS, AVATAR_CONFIRM),
    jobs={DELETE_BLOB: delete_blob},
    periodic={"uploads.sweep": (timedelta(hours=1), sweep)},
    export=export,
    erase=forget,
)
