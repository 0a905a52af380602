"""What the uploads feature refuses."""

from gatehouse.core.errors import Conflict, NotFound, Unprocessable


class UploadNotFound(NotFound):
    """The caller has no such upload, or it was asked for too long ago."""

    code = "upload_not_found"
    title = "There is no such upload"
    remedy = "Ask for a new URL."


class UploadMissing(Conflict):
    """Nothing has been sent to the upload URL yet."""

    code = "upload_missing"
    title = "Nothing has been uploaded yet"
    remedy = "Send the picture to the URL, then confirm."


class PictureRefused(Unprocessable):
    """What was uploaded is no PNG, JPEG or WebP, or broken, or larger than was announced."""

    code = "picture_refused"
    title = "The picture cannot be used"
    remedy = "Show `detail`, and ask for a new URL for another picture."
