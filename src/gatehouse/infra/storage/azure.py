"""Blobs in Azure Blob Storage: the only file that knows its package, imported where it is used.

A shared access signature binds blob, permission (create), time and protocol, but neither size nor
type: what came is looked at before anybody sees it. The storage account's key signs, here, and
asks nobody. No call is repeated: who waits for a request is told after two seconds at most.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    generate_blob_sas,
)

from gatehouse.core import clock
from gatehouse.infra.logs import logger
from gatehouse.infra.redis import Breaker
from gatehouse.infra.storage.blobs import Blob, Patience, SignedUpload, StorageUnavailable, TooLarge
from gatehouse.infra.threads import resting

PART = 2**20
BACKGROUND_SECONDS = 20.0
# The permission to create makes no second blob. The emulator looks at it before the blob is made,
# so that of two at once both might be; the condition keeps those apart who send what they are told.
ONCE = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}

# It would write every request with its headers to the log.
logging.getLogger("azure").setLevel(logging.WARNING)


class AzureStorage:
    """Containers and blobs of one storage account."""

    def __init__(self, connection_string: str) -> None:
        self._service = BlobServiceClient.from_connection_string(
            connection_string,
            retry_total=0,
            max_single_get_size=PART,
            max_chunk_get_size=PART,
        )
        self._breaker = Breaker("azure-storage")

    def sign_upload(
        self, container: str, blob: str, *, content_type: str, size: int | None, life: timedelta
    ) -> SignedUpload:
        """Return the URL by which this blob can be made, once; asks nobody."""
        expires_at = (clock.now() + life).replace(microsecond=0)
        account, base = self._service.account_name, self._service.url.rstrip("/")
        assert account is not None
        signature = generate_blob_sas(
            account,
            container,
            blob,
            account_key=self._service.credential.account_key,
            permission=BlobSasPermissions(create=True),
            expiry=expires_at,
            protocol="https" if base.startswith("https:") else "https,http",
        )
        url = f"{base}/{container}/{quote(blob)}?{signature}"
        return SignedUpload(url, expires_at, headers={"Content-Type": content_type, **ONCE})

    def read(self, container: str, blob: str, *, limit: int, patience: Patience) -> bytes | None:
        """Return a blob, None if there is none; raises TooLarge beyond `limit` bytes."""
        found = self.open(container, blob, patience=patience)
        if found is None:
            return None
        if found.size > limit:
            raise TooLarge
        data = bytearray()
        for part in found.parts:
            data += part
            patience.left()
        return bytes(data)

    def open(self, container: str, blob: str, *, patience: Patience) -> Blob | None:
        """Return a blob in parts, None if there is none."""
        try:
            with self._asked():
                found = self._blob(container, blob).download_blob(**_within(patience))
        except ResourceNotFoundError:
            return None

        def parts() -> Iterator[bytes]:
            try:
                with _told():
                    yield from found.chunks()
            except ResourceNotFoundError as error:  # deleted since
                raise StorageUnavailable from error

        return Blob(found.size, parts())

    def write(
        self, container: str, blob: str, data: bytes, *, content_type: str, patience: Patience
    ) -> None:
        """Make a blob; one that is there already stays as it is."""
        kind = ContentSettings(content_type=content_type)
        with self._asked(), suppress(ResourceExistsError):
            self._blob(container, blob).upload_blob(
                data, overwrite=False, content_settings=kind, **_within(patience)
            )

    def delete(self, container: str, blob: str) -> None:
        """Delete a blob, and what was derived from it, if it is there."""
        with self._asked(), suppress(ResourceNotFoundError):
            self._blob(container, blob).delete_blob(
                delete_snapshots="include", **_within(Patience(BACKGROUND_SECONDS))
            )

    def sweep(self, container: str, folder: str, *, before: datetime) -> int:
        """Delete what lies in a folder of a container since before a moment; return how many."""
        client = self._service.get_container_client(container)
        patience = _within(Patience(BACKGROUND_SECONDS))
        count = 0
        with _told():
            for one in client.list_blobs(name_starts_with=f"{folder}/", **patience):
                if one.last_modified < before:
                    self.delete(container, one.name)
                    count += 1
        return count

    def trouble(self, container: str) -> str | None:
        """Return in words why blobs cannot be kept in a container; None if they can."""
        client = self._service.get_container_client(container)
        try:
            client.get_container_properties(**_within(Patience(2)))
        except HttpResponseError as error:
            return f"{client.url} answers {error.status_code} {_code(error)}"
        except AzureError as error:
            return f"{client.url} does not answer ({type(error).__name__})"
        return None

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Ask, unless the last ones to ask had no answer: then nobody waits for it again."""
        if not self._breaker.allows():
            raise StorageUnavailable
        try:
            with _told():
                yield
        except StorageUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, HttpResponseError) and (cause.status_code or 500) < 500:
                self._breaker.succeeded()
            else:
                self._breaker.failed(error)
            raise
        except AzureError:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()

    def _blob(self, container: str, blob: str) -> BlobClient:
        return self._service.get_blob_client(container, blob)


def _within(patience: Patience) -> dict[str, Any]:
    """Return how long one call waits for the connection, and then for each part of the answer."""
    half = patience.left() / 2
    return {"connection_timeout": half, "read_timeout": half}


@contextmanager
def _told() -> Iterator[None]:
    """Say what the storage says in words of this house; what is missing or there is left alone."""
    try:
        with resting:
            yield
    except AzureError as error:
        if _code(error) in ("BlobNotFound", "BlobAlreadyExists"):
            raise
        logger.error("storage_failed", error=_code(error))
        raise StorageUnavailable from error


def _code(error: AzureError) -> str:
    """Return what the service calls the error; the rest of its text may hold a signature."""
    return str(getattr(error, "error_code", None) or type(error).__name__)
