"""Blobs as files: there whole or not at all, once, for nobody else; and a disk that is full."""

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from gatehouse.core import clock
from gatehouse.infra import storage
from gatehouse.infra.storage import (
    LocalStorage,
    Patience,
    StorageFull,
    TooLarge,
    UploadExists,
    UploadUrlInvalid,
)
from tests.support import race
from tests.support.api import Api
from tests.support.databases import Sqlite
from tests.support.pictures import PNG
from tests.support.uploads import announce, confirm, send

pytestmark = pytest.mark.parametrize("database", [Sqlite.name], indirect=True)

ROOM = 4_096


@pytest.fixture
def files(app: Flask) -> Iterator[LocalStorage]:
    """Return the storage of an application."""
    with app.app_context():
        yield storage.local()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where its files are."""
    return tmp_path / "uploads"


@pytest.fixture
def full_disk(files: LocalStorage) -> Iterator[None]:
    """Let no file grow beyond a few blocks, as on a disk that has no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def everything(root: Path) -> list[str]:
    """Return all files below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_blob_is_made_once(files: LocalStorage, root: Path) -> None:
    files.create("invoices", "2026/a.pdf", [b"one", b"two"])
    with pytest.raises(UploadExists):
        files.create("invoices", "2026/a.pdf", [b"three"])
    files.write("invoices", "2026/a.pdf", b"four", content_type="x/y", patience=Patience(1))
    assert storage.read("invoices", "2026/a.pdf", limit=6) == b"onetwo"
    with pytest.raises(TooLarge):
        storage.read("invoices", "2026/a.pdf", limit=5)
    found = storage.open("invoices", "2026/a.pdf")
    assert found is not None
    assert (found.size, b"".join(found.parts)) == (6, b"onetwo")
    assert everything(root) == ["invoices/2026/a.pdf"]
    for _ in range(2):
        storage.delete("invoices", "2026/a.pdf")
    assert storage.read("invoices", "2026/a.pdf", limit=6) is None
    assert storage.open("invoices", "2026/a.pdf") is None


def test_a_blob_cannot_be_a_folder(files: LocalStorage) -> None:
    files.create("invoices", "a", [b"1"])
    with pytest.raises(UploadExists):
        files.create("invoices", "a/b", [b"2"])
    assert storage.read("invoices", "a/b", limit=9) is None
    storage.delete("invoices", "a/b")
    files.create("invoices", "c/d", [b"3"])
    with pytest.raises(UploadExists):
        files.create("invoices", "c", [b"4"])
    assert storage.read("invoices", "c", limit=9) is None
    assert storage.open("invoices", "c") is None


def test_of_many_at_once_one_is_made(app: Flask, files: LocalStorage, root: Path) -> None:
    contents = [bytes([number]) * 50_000 for number in range(16)]

    def make(content: bytes) -> bool:
        with app.app_context():
            try:
                files.create(
                    "invoices", "one", (content[i : i + 999] for i in range(0, 50_000, 999))
                )
            except UploadExists:
                return False
            return True

    made = race.at_once([partial(make, content) for content in contents])
    assert made.count(True) == 1
    assert storage.read("invoices", "one", limit=50_000) == contents[made.index(True)]
    assert everything(root) == ["invoices/one"]


def test_nobody_sees_half_of_it(app: Flask, files: LocalStorage) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"half"
        begun.set()
        assert may_end.wait(10)
        yield b"rest"

    def make() -> None:
        with app.app_context():
            files.create("invoices", "slow", parts())

    thread = threading.Thread(target=make)
    thread.start()
    try:
        assert begun.wait(10)
        assert storage.read("invoices", "slow", limit=99) is None
    finally:
        may_end.set()
        thread.join()
    assert storage.read("invoices", "slow", limit=99) == b"halfrest"


@pytest.mark.usefixtures("full_disk")
def test_f11_a_full_disk_leaves_nothing_behind(files: LocalStorage, root: Path) -> None:
    with pytest.raises(StorageFull):
        files.create("invoices", "large", [b"x" * 1_000] * 9)
    with pytest.raises(StorageFull):
        storage.write("invoices", "large", b"x" * 9_000, content_type="x/y")
    assert everything(root) == []
    files.create("invoices", "small", [b"x" * 1_000])
    assert everything(root) == ["invoices/small"]


def test_f11_a_full_disk_is_507_and_heals(
    client: Api, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = client.sign_up()
    upload = announce(person)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _no_room)
        refused = send(client, upload).expect(507, "storage_full")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert everything(root) == []
    send(client, upload).expect(201)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _no_room)
        confirm(person, upload).expect(507, "storage_full")
    confirm(person, upload).expect(200)


def test_another_fault_of_the_disk_is_503(client: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    person = client.sign_up()
    upload = announce(person)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", _broken)
        send(client, upload).expect(503, "storage_unavailable")
    send(client, upload).expect(201)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", _broken)
        confirm(person, upload).expect(503, "storage_unavailable")
    confirm(person, upload).expect(200)


def test_it_sweeps_one_folder_and_drafts(files: LocalStorage, root: Path) -> None:
    files.create("avatars", "incoming/old", [b"1"])
    files.create("avatars", "kept", [b"2"])
    files.create("invoices", "incoming/other", [b"3"])
    (root / ".partial" / "draft").write_bytes(b"4")
    now = clock.now()
    assert storage.sweep("avatars", "incoming", before=now - timedelta(minutes=1)) == 0
    assert storage.sweep("avatars", "incoming", before=now + timedelta(minutes=1)) == 2
    assert everything(root) == ["avatars/kept", "invoices/incoming/other"]
    assert storage.sweep("nothing", "incoming", before=now) == 0


@pytest.mark.settings(SECRET_KEY_PREVIOUS="a" * 64)
def test_a_url_of_the_key_before_is_good(client: Api, make_app: Callable[..., Flask]) -> None:
    older = make_app(SECRET_KEY="a" * 64)
    with older.app_context():
        signed = storage.sign_upload("invoices", "one")
    upload = {"url": signed.url, "headers": signed.headers}
    send(client, upload, b"1").expect(201)


def test_what_is_refused_of_a_url(files: LocalStorage) -> None:
    signed = storage.sign_upload("invoices", "one", content_type="image/png", size=9)
    bound = dict(parse_qsl(urlsplit(signed.url).query, keep_blank_values=True))
    check = partial(files.check, content_type="image/png", length=9)
    assert check("invoices", "one", bound) == 9
    for container, blob in (("invoices", "two"), ("avatars", "one"), ("invoices/one", "")):
        with pytest.raises(UploadUrlInvalid):
            check(container, blob, bound)
    with clock.shifted(timedelta(minutes=15)), pytest.raises(UploadUrlInvalid):
        check("invoices", "one", bound)


@pytest.mark.settings(
    STORAGE="azure",
    AZURE_STORAGE_CONNECTION_STRING="AccountName=a;AccountKey=YQ==;EndpointSuffix=example.org",
)
def test_where_blobs_are_elsewhere_no_url_is_ours(client: Api) -> None:
    upload = {"url": "http://127.0.0.1/uploads/avatars/x?a=b", "headers": {}}
    send(client, upload, PNG).expect(403, "upload_url_invalid")


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _broken(*_: object) -> None:
    raise OSError(5, "Input/output error")
