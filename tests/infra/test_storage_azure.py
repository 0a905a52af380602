"""Azure Blob: what Azurite does not show of it, and what happens while it is away."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from gatehouse import create_app, uploads
from gatehouse.infra import jobs, storage
from gatehouse.infra.jobs import runner
from gatehouse.infra.storage.azure import AzureStorage
from gatehouse.infra.storage.blobs import StorageUnavailable
from gatehouse.settings import SettingsError
from tests.servers import azurite, server
from tests.servers.azurite import Azurite
from tests.support import race, stores
from tests.support.answers import Answer
from tests.support.api import Person
from tests.support.clocks import Clock
from tests.support.databases import Sqlite, application
from tests.support.environment import settings
from tests.support.live import Servers
from tests.support.pictures import PNG
from tests.support.stores import Store
from tests.support.uploads import announce, confirm
from tests.users import records

KEY = "c2FtcGxlIGtleSBvZiB0ZXN0cyB0aGF0IG9wZW5zIG5vdGhpbmc="
ACCOUNT = f"DefaultEndpointsProtocol=https;AccountName=example;AccountKey={KEY};EndpointSuffix="
HTTPS = ACCOUNT + "core.windows.net"
SECONDS = 2.0


@pytest.fixture
def nowhere(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    """Return the service with an account that nothing leads to."""
    port = server.free_port()
    text = f"AccountName=example;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{port}/example"
    found = settings(
        tmp_path,
        database_url,
        STORAGE="azure",
        AZURE_STORAGE_CONNECTION_STRING=text,
    )
    with application(found) as app:
        yield app


def test_r108_a_signature_binds_blob_permission_time_and_protocol() -> None:
    signed = AzureStorage(HTTPS).sign_upload(
        "avatars", "incoming/x", content_type="image/png", size=9, life=timedelta(hours=1)
    )
    parts = urlsplit(signed.url)
    assert (parts.scheme, parts.netloc) == ("https", "example.blob.core.windows.net")
    assert parts.path == "/avatars/incoming/x"
    told = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert (told["sp"], told["sr"], told["spr"]) == ("c", "b", "https")
    assert told["se"] == f"{signed.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    assert KEY not in signed.url
    assert signed.headers["x-ms-blob-type"] == "BlockBlob"
    assert signed.headers["If-None-Match"] == "*"


def test_its_package_writes_no_request_to_the_log() -> None:
    assert logging.getLogger("azure").getEffectiveLevel() >= logging.WARNING


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_a_connection_string_that_cannot_be_read_stops_the_start(
    tmp_path: Path, database_url: str
) -> None:
    for text in ("AccountName=a;AccountKey=b;BlobEndpoint", "AccountName=a;AccountKey=b;x"):
        found = settings(
            tmp_path,
            database_url,
            STORAGE="azure",
            AZURE_STORAGE_CONNECTION_STRING=text,
        )
        with pytest.raises(SettingsError, match="AZURE_STORAGE_CONNECTION_STRING"):
            create_app(found)


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_without_its_package_the_start_says_what_to_install(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gatehouse.infra.storage.azure", None)
    found = settings(tmp_path, database_url, STORAGE="azure", AZURE_STORAGE_CONNECTION_STRING=HTTPS)
    with pytest.raises(SettingsError, match=r"requirements-azure\.txt"):
        create_app(found)


def test_nobody_else_imports_its_package() -> None:
    """Without STORAGE=azure it need not be installed."""
    script = "import sys; sys.modules['azure'] = None; import gatehouse, gatehouse.cli"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=server.ROOT / "src", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_f8_without_a_server_signing_goes_on(nowhere: Flask) -> None:
    with nowhere.app_context():
        assert uploads.generate_upload_url("invoices", "x").url.startswith("http://127.0.0.1:")
        began = time.monotonic()
        for ask in (
            lambda: storage.read("avatars", "x", limit=9),
            lambda: storage.open("avatars", "x"),
            lambda: storage.write("avatars", "x", b"", content_type="image/png"),
            lambda: storage.delete("avatars", "x"),
        ):
            with pytest.raises(StorageUnavailable):
                ask()
        assert time.monotonic() - began < SECONDS
        assert "does not answer" in str(storage.trouble("avatars"))


@pytest.fixture(scope="module")
def own(servers: Servers, azurite_server: Azurite) -> Iterator[Store]:
    """Return the service over Azurite."""
    with ExitStack() as stack:
        more = stores.variables(azurite_server)
        live = servers.start(Sqlite.name, stack, THREADS="24", JOBS="off", **more)
        yield stack.enter_context(stores.beside("azure", live, **more))


def in_time(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return an answer and how long it took."""
    began = time.monotonic()
    return ask(), time.monotonic() - began


def look(own: Store, name: str) -> Answer:
    """Ask for a picture."""
    return own.live.client.request("GET", f"/uploads/avatars/{name}")


def others_are_well(person: Person, admin: Person) -> Answer:
    """Look at what has nothing to do with uploads, and at signing."""
    announce(person)
    person.get("/users/me").expect(200)
    person.patch("/users/me", {"name": "Ada"}).expect(200)
    admin.get("/users").expect(200)
    for path in ("/health", "/ready", "/openapi.json"):
        person.request("GET", path).expect(200)
    return person.get("/users/me")


@pytest.mark.full
def test_f8_while_it_hangs_only_confirmations_are_refused(
    own: Store, azurite_server: Azurite
) -> None:
    person, admin = own.person(), own.live.admin()
    avatar = announce(person)
    assert own.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
    with azurite_server.stopped():
        answer, seconds = in_time(lambda: confirm(person, avatar))
        answer.expect(503, "storage_unavailable")
        assert answer.retry_after
        assert seconds < SECONDS
        # Many at once wait no longer, and keep nobody else waiting.
        people = [own.person() for _ in range(12)]
        waiting = [(one, announce(one)) for one in people]
        asked = [partial(in_time, partial(confirm, *both)) for both in waiting]
        asked.append(partial(in_time, partial(others_are_well, person, admin)))
        *refused, (_, seconds) = race.at_once(asked)
        assert seconds < SECONDS
        for answer, seconds in refused:
            answer.expect(503, "storage_unavailable")
            assert seconds < SECONDS
        # Nor do those who look at pictures, however many they are.
        looks = [partial(in_time, partial(look, own, f"{number:032x}")) for number in range(40)]
        race.at_once(looks)
        for answer, seconds in race.at_once(looks):
            answer.expect(503, "storage_unavailable")
            assert seconds < SECONDS
    healed = time.monotonic()
    while confirm(person, avatar).status != 200:
        assert time.monotonic() - healed < 5
        time.sleep(0.2)


@pytest.mark.full
def test_it_sweeps_what_nobody_confirmed(own: Store, clock: Clock) -> None:
    person = own.person()
    avatar, old = announce(person), announce(person)
    for upload in (avatar, old):
        assert own.send(upload["url"], PNG, headers=upload["headers"]) == 201
    url = confirm(person, avatar).expect(200).json["avatar_url"]
    clock.forward(hours=25)
    with own.app.app_context():
        runner.ensure_periodic()
        jobs.run_due()
        for upload in (avatar, old):
            assert storage.read("avatars", f"incoming/{upload['upload_id']}", limit=999) is None
    assert not [row for row in records.rows(own.app, "outbox") if row.last_error]
    own.live.client.request("GET", url).expect(200)


@pytest.mark.full
def test_a_container_that_is_not_there(own: Store) -> None:
    with own.app.app_context():
        assert storage.trouble("avatars") is None
        assert "404 ContainerNotFound" in str(storage.trouble("nothing"))
        with pytest.raises(StorageUnavailable):
            storage.read("nothing", "x", limit=9)
        with pytest.raises(StorageUnavailable):
            storage.write("nothing", "x", b"x", content_type="image/png")
        storage.write("avatars", "once", b"first", content_type="image/png")
        storage.write("avatars", "once", b"second", content_type="image/png")
        assert storage.read("avatars", "once", limit=9) == b"first"
        with pytest.raises(storage.TooLarge):
            storage.read("avatars", "once", limit=4)
        large = bytes(3 * 2**20)
        storage.write("avatars", "large", large, content_type="image/png")
        assert storage.read("avatars", "large", limit=len(large)) == large
        for _ in range(2):
            storage.delete("avatars", "once")
        assert storage.open("avatars", "once") is None


@pytest.mark.full
def test_f8_when_it_is_gone_confirmations_are_refused_at_once(servers: Servers) -> None:
    with ExitStack() as stack:
        started = azurite.start(stack)
        more = stores.variables(started)
        live = servers.start(Sqlite.name, stack, THREADS="24", **more)
        own = stack.enter_context(stores.beside("azure", live, **more))
        person, admin = own.person(), live.admin()
        avatar = announce(person)
        assert own.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
        started.kill()
        answer, seconds = in_time(lambda: confirm(person, avatar))
        answer.expect(503, "storage_unavailable")
        assert seconds < SECONDS
        others_are_well(person, admin)
        person.delete("/users/me/avatar").expect(204)
