"""Upload URLs for containers of other features: one blob, created once, 24 hours at most."""

from datetime import timedelta

from gatehouse.infra import storage
from gatehouse.infra.storage import SignedUpload

HOUR = timedelta(hours=1)


def generate_upload_url(
    container: str,
    blob: str,
    *,
    content_type: str = "application/octet-stream",
    size: int | None = None,
    life: timedelta = HOUR,
) -> SignedUpload:
    """Return the URL to which this blob may be sent, once, within `life`: 24 hours at most.

    Asks nobody, so it may stand inside a unit. Local URLs bind `content_type` and the exact
    `size` in bytes (None: any up to MAX_UPLOAD_BYTES); those of Azure can bind neither. So give a
    name that nothing else uses, look at what came (`gatehouse.infra.storage.read`), write what is
    good under another name (`write`), and delete the upload (`delete`).

    Raises ValueError for a name that not every kind of storage takes, and for a longer life.
    """
    return storage.sign_upload(container, blob, content_type=content_type, size=size, life=life)
