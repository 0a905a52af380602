"""The service with its uploads in one of the places where they may be, and a way to send there."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import urllib3
from azure.storage.blob import BlobServiceClient
from flask import Flask

from gatehouse.infra.storage import SignedUpload
from tests.servers.azurite import Azurite
from tests.support.api import Person
from tests.support.databases import application
from tests.support.environment import settings
from tests.support.live import Live
from tests.support.pictures import PNG

CONTAINERS = ("avatars", "invoices")


@dataclass(frozen=True, slots=True)
class Store:
    """A running service, the same in this process for signing, and where its uploads are."""

    kind: str
    live: Live
    app: Flask
    client: urllib3.PoolManager

    def person(self) -> Person:
        """Return somebody who has just signed up."""
        return self.live.client.sign_up()

    def send(
        self,
        url: str,
        data: bytes | None = PNG,
        *,
        method: str = "PUT",
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Send something to an upload URL over HTTP, wherever it leads, and return the status."""
        answer = self.client.request(method, url, body=data, headers=headers, redirect=False)
        return int(answer.status)

    def put(self, signed: SignedUpload, data: bytes = PNG) -> int:
        """Send a file as one should, and return the status."""
        return self.send(signed.url, data, method=signed.method, headers=signed.headers)


def variables(azurite: Azurite) -> dict[str, str]:
    """Return the settings by which uploads go to Azurite, and make its containers."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        known = {one.name for one in service.list_containers()}
        for name in CONTAINERS:
            if name not in known:
                service.create_container(name)
    return {"STORAGE": "azure", "AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}


@contextmanager
def beside(kind: str, live: Live, **more: str) -> Iterator[Store]:
    """Give the store of a running service."""
    url = live.app.config["SETTINGS"].database_url
    found = settings(live.directory, url, PUBLIC_URL=live.url, **more)
    with ExitStack() as stack:
        app = stack.enter_context(application(found))
        client = stack.enter_context(urllib3.PoolManager(retries=False, timeout=20))
        yield Store(kind, live, app, client)
