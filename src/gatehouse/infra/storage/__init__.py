"""Where uploads are kept: files below INSTANCE_DIR (STORAGE=local) or Azure Blob (STORAGE=azure).

    signed = storage.sign_upload("invoices", "2026/0001.pdf", content_type="application/pdf")

A container is a folder of blobs. Whoever holds a signed URL sends one blob there, once. What they
sent is nobody's business until somebody has looked into it: no URL for reading is ever given out.
None of this belongs inside a unit of work but signing, which asks nobody.
"""

from datetime import datetime, timedelta
from importlib import import_module
from typing import cast

from flask import Flask, current_app

from gatehouse.infra.storage.blobs import (
    Blob,
    Patience,
    SignedUpload,
    Storage,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    check_names,
    check_upload,
)
from gatehouse.infra.storage.local import LocalStorage, UploadExists, UploadUrlInvalid, WrongLength
from gatehouse.settings import Settings, SettingsError

__all__ = [
    "Blob",
    "LocalStorage",
    "Patience",
    "SignedUpload",
    "StorageFull",
    "StorageUnavailable",
    "TooLarge",
    "UploadExists",
    "UploadUrlInvalid",
    "WrongLength",
    "delete",
    "init_app",
    "local",
    "open",
    "read",
    "sign_upload",
    "sweep",
    "trouble",
    "write",
]

EXTENSION = "gatehouse.storage"
# Of requests, with time to tell of it within two seconds; of work that nobody waits for.
IN_A_REQUEST_SECONDS = 1.8


def init_app(app: Flask, settings: Settings) -> None:
    """Choose where uploads are kept; connects to nothing and makes no folder."""
    app.extensions[EXTENSION] = (
        _azure(settings) if settings.storage == "azure" else _local(settings)
    )


def sign_upload(
    container: str,
    blob: str,
    *,
    content_type: str = "application/octet-stream",
    size: int | None = None,
    life: timedelta = timedelta(minutes=15),
) -> SignedUpload:
    """Return the URL by which this blob can be made, once, within `life` (24 hours at most).

    Local URLs bind the type and the exact size (None: up to MAX_UPLOAD_BYTES). Those of Azure
    can bind neither: whoever reads such a blob looks at both. Raises ValueError for other names.
    """
    check_names(container, blob)
    check_upload(content_type=content_type, life=life)
    return _present().sign_upload(container, blob, content_type=content_type, size=size, life=life)


def local() -> LocalStorage:
    """Return the files below INSTANCE_DIR; raises UploadUrlInvalid where blobs are elsewhere."""
    found = _present()
    if not isinstance(found, LocalStorage):
        raise UploadUrlInvalid
    return found


def read(
    container: str, blob: str, *, limit: int, patience: Patience | None = None
) -> bytes | None:
    """Return a blob, None if there is none; raises TooLarge beyond `limit` bytes."""
    check_names(container, blob)
    return _present().read(container, blob, limit=limit, patience=patience or _in_a_request())


def open(container: str, blob: str) -> Blob | None:
    """Return a blob in parts, None if there is none."""
    check_names(container, blob)
    return _present().open(container, blob, patience=_in_a_request())


def write(
    container: str, blob: str, data: bytes, *, content_type: str, patience: Patience | None = None
) -> None:
    """Make a blob; one that is there already stays as it is."""
    check_names(container, blob)
    patience = patience or _in_a_request()
    _present().write(container, blob, data, content_type=content_type, patience=patience)


def delete(container: str, blob: str) -> None:
    """Delete a blob if it is there."""
    check_names(container, blob)
    _present().delete(container, blob)


def sweep(container: str, folder: str, *, before: datetime) -> int:
    """Delete what lies in a folder of a container since before a moment; return how many."""
    check_names(container, folder)
    return _present().sweep(container, folder, before=before)


def trouble(container: str) -> str | None:
    """Return in words why blobs cannot be kept in a container; None if they can."""
    return _present().trouble(container)


def _present() -> Storage:
    return cast(Storage, current_app.extensions[EXTENSION])


def _in_a_request() -> Patience:
    return Patience(IN_A_REQUEST_SECONDS)


def _local(settings: Settings) -> Storage:
    return LocalStorage(
        settings.instance_dir / "uploads",
        url=f"{settings.public_url}/uploads",
        most=settings.max_upload_bytes,
    )


def _azure(settings: Settings) -> Storage:
    """Return Azure Blob Storage, by a package that only those need who use it."""
    assert settings.azure_storage_connection_string is not None
    try:
        module = import_module("gatehouse.infra.storage.azure")
    except ImportError:
        raise SettingsError(
            ["STORAGE: azure needs azure-storage-blob (pip install -r requirements-azure.txt)"]
        ) from None
    try:
        return cast(Storage, module.AzureStorage(settings.azure_storage_connection_string.value))
    except ValueError:
        raise SettingsError(["AZURE_STORAGE_CONNECTION_STRING: cannot be read"]) from None
