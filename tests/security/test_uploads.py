"""R108: an upload URL makes one blob of a name that the server chose, once, and nothing else."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import pytest

from gatehouse import uploads
from gatehouse.core import clock
from gatehouse.infra import storage
from gatehouse.infra.storage import Patience, SignedUpload
from tests.support import race, stores, wire
from tests.support.databases import Sqlite
from tests.support.live import Servers
from tests.support.pictures import PNG
from tests.support.stores import Store
from tests.support.uploads import CONFIRM, announce, confirm, put_avatar, send

LARGEST = 5 * 2**20
REFUSED = (400, 403, 404, 405, 409, 412)


@pytest.fixture(scope="session")
def stored(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Callable[[str], Store]]:
    """Return the service with its uploads in a place of one kind, started when first wanted."""
    made: dict[str, Store] = {}
    with ExitStack() as stack:

        def store(kind: str) -> Store:
            if kind not in made:
                more = {}
                if kind == "azure":
                    more = stores.variables(request.getfixturevalue("azurite_server"))
                live = servers.start(Sqlite.name, stack, THREADS="16", **more)
                made[kind] = stack.enter_context(stores.beside(kind, live, **more))
            return made[kind]

        yield store


@pytest.fixture(params=["local", pytest.param("azure", marks=pytest.mark.full)])
def store(request: pytest.FixtureRequest, stored: Callable[[str], Store]) -> Store:
    """Run the test once for each place where uploads may be."""
    return stored(request.param)


@pytest.fixture
def local(stored: Callable[[str], Store]) -> Store:
    """Return the service that keeps uploads as files."""
    return stored("local")


def signed(store: Store, *, size: int | None = len(PNG), **life: float) -> SignedUpload:
    """Return an upload URL for a blob that nobody has made."""
    with store.app.app_context():
        return uploads.generate_upload_url(
            "invoices",
            f"incoming/{os.urandom(8).hex()}",
            content_type="image/png",
            size=size,
            life=timedelta(**life or {"minutes": 15}),
        )


def content(store: Store, upload: SignedUpload) -> bytes | None:
    """Return what lies under the name of an upload URL."""
    blob = urlsplit(upload.url).path.partition("/invoices/")[2]
    with store.app.app_context():
        return storage.read("invoices", blob, limit=2**25, patience=Patience(10))


def test_r108_it_takes_what_was_signed(store: Store) -> None:
    upload = signed(store)
    assert store.put(upload) == 201
    assert content(store, upload) == PNG


def test_r108_overwriting_is_refused(store: Store) -> None:
    upload = signed(store)
    assert store.put(upload) == 201
    assert store.put(upload, PNG[::-1]) in (403, 409)
    for method in ("DELETE", "POST", "PATCH"):
        assert store.send(upload.url, b"", method=method) in REFUSED
    if store.kind == "azure":
        for part in ("comp=metadata", "comp=properties", "comp=blocklist", "comp=tier"):
            assert store.send(f"{upload.url}&{part}", b"", headers=upload.headers) in REFUSED, part
    assert content(store, upload) == PNG


def test_r108_of_many_at_once_one_is_made(store: Store) -> None:
    upload = signed(store)
    bodies = [bytes([number]) * len(PNG) for number in range(12)]
    statuses = race.at_once([partial(store.put, upload, data) for data in bodies])
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 403, 409, 412}
    assert content(store, upload) == bodies[statuses.index(201)]


def test_r108_listing_is_refused(store: Store) -> None:
    upload = signed(store)
    assert store.put(upload) == 201
    parts = urlsplit(upload.url)
    container = parts.path.partition("/incoming/")[0]
    for path in (
        container,
        f"{container}/",
        container.rpartition("/")[0] + "/",
        f"{container}/incoming/",
    ):
        for query in ("restype=container&comp=list", "comp=list", "", "restype=container"):
            target = urlunsplit(parts._replace(path=path, query=f"{query}&{parts.query}"))
            for method in ("GET", "HEAD"):
                assert store.send(target, None, method=method) in REFUSED, (method, target)


def test_r108_reading_is_refused(store: Store) -> None:
    upload = signed(store)
    assert store.put(upload) == 201
    bare = upload.url.partition("?")[0]
    for target in (upload.url, bare, upload.url.replace("sp=c", "sp=rcl")):
        for method in ("GET", "HEAD"):
            assert store.send(target, None, method=method) in (403, 404, 405, 409)


def test_r108_another_name_is_refused(store: Store) -> None:
    upload = signed(store)
    other = signed(store)
    names = [urlsplit(one.url).path.rpartition("/")[2] for one in (upload, other)]
    targets = [
        upload.url.replace(names[0], names[1]),
        upload.url.replace("/incoming/", "/"),
        upload.url.replace("/invoices/", "/avatars/"),
        upload.url.replace("/incoming/", "//incoming/"),
        upload.url.replace(names[0], names[0] + "/x"),
        upload.url.replace(names[0], names[0] + "%00"),
    ]
    for target in targets:
        assert target != upload.url
        assert store.send(target, headers=upload.headers) in REFUSED, target
    assert content(store, upload) is None
    assert content(store, other) is None


def test_r108_after_its_end_it_is_refused(store: Store) -> None:
    with clock.shifted(-timedelta(minutes=16)):
        upload = signed(store)
    assert store.put(upload) == 403
    with clock.shifted(-timedelta(hours=24, seconds=1)):
        upload = signed(store, hours=24)
    assert store.put(upload) == 403
    assert content(store, upload) is None
    upload = signed(store, seconds=2)
    time.sleep(2.1)
    assert store.put(upload) == 403


def test_r108_a_longer_life_cannot_be_had(store: Store) -> None:
    for life in ({"hours": 24.001}, {"seconds": 0}, {"seconds": -1}):
        with pytest.raises(ValueError, match="24 hours"):
            signed(store, **life)
    for container, blob in (
        ("in", "name"),
        ("Invoices", "name"),
        ("in--voices", "name"),
        ("../x", "name"),
        ("invoices", ""),
        ("invoices", "../name"),
        ("invoices", "a/../b"),
        ("invoices", ".hidden"),
        ("invoices", "/name"),
        ("invoices", "a//b"),
        ("invoices", "näme"),
        ("invoices", "x" * 201),
    ):
        with store.app.app_context(), pytest.raises(ValueError, match=r"container|blob"):
            uploads.generate_upload_url(container, blob)


def test_r108_its_end_cannot_be_moved(store: Store) -> None:
    upload = signed(store)
    later = str(int(upload.expires_at.timestamp()) + 9_999)
    names = {"local": ("expires", later), "azure": ("se", "2099-01-01T00%3A00%3A00Z")}
    name, value = names[store.kind]
    pairs = [part.split("=", 1) for part in urlsplit(upload.url).query.split("&")]
    query = "&".join(f"{key}={value if key == name else text}" for key, text in pairs)
    moved = urlunsplit(urlsplit(upload.url)._replace(query=query))
    assert moved != upload.url
    assert store.send(moved, headers=upload.headers) == 403
    without = upload.url.partition("?")[0]
    assert store.send(without, headers=upload.headers) in (401, 403, 404)


def test_r108_the_wrong_type_is_refused(store: Store) -> None:
    """Where files are local at once; where the URL cannot bind it, at the confirmation."""
    upload = signed(store)
    status = store.send(upload.url, headers={**upload.headers, "Content-Type": "image/svg+xml"})
    assert status == (403 if store.kind == "local" else 201)
    person = store.person()
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    avatar = announce(person, svg)
    assert store.send(avatar["url"], svg, headers=avatar["headers"]) == 201
    confirm(person, avatar).expect(422, "picture_refused")
    assert person.me()["avatar_url"] is None


@pytest.mark.parametrize("by", [1, LARGEST])
def test_r108_too_much_is_refused(store: Store, by: int) -> None:
    """Where files are local at once; where the URL cannot bind it, at the confirmation."""
    person = store.person()
    avatar = announce(person)
    data = PNG + b"\0" * by
    status = store.send(avatar["url"], data, headers=avatar["headers"])
    if store.kind == "local":
        assert status == 400
        confirm(person, avatar).expect(409, "upload_missing")
    else:
        assert status == 201
        confirm(person, avatar).expect(422, "picture_refused")
        confirm(person, avatar).expect(404, "upload_not_found")
    assert person.me()["avatar_url"] is None
    too_large = {"content_type": "image/png", "size": LARGEST + 1}
    person.post("/users/me/avatar", too_large).expect(422, "validation_failed")


def test_r108_what_is_shown_is_inert(store: Store) -> None:
    person = store.person()
    avatar = announce(person)
    assert store.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
    url = confirm(person, avatar).expect(200).json["avatar_url"]
    for method in ("GET", "HEAD"):
        shown = store.live.client.request(method, url).expect(200)
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert shown.headers["Content-Type"] == "image/png"
        assert shown.headers["Content-Length"] == str(len(PNG))
        assert shown.headers["Cache-Control"] == "public, max-age=3600, immutable"
        assert shown.content == (PNG if method == "GET" else b"")
    # What waits is shown to nobody, and a name is not guessed by its likes.
    waiting = announce(person)
    assert store.send(waiting["url"], PNG, headers=waiting["headers"]) == 201
    for path in (
        f"/uploads/avatars/incoming/{waiting['upload_id']}",
        f"/uploads/avatars/{waiting['upload_id']}",
        "/uploads/avatars/",
        "/uploads/",
        "/uploads/avatars/..%2f..%2fgatehouse.db",
        "/uploads/avatars/%2e%2e",
        "/uploads/../secret_key",
        url[:-1],
        url.upper(),
    ):
        assert store.live.client.request("GET", path).status in (400, 404, 405), path


def test_r108_only_the_owner_confirms(store: Store) -> None:
    person, other = store.person(), store.person()
    avatar = announce(person)
    assert store.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
    confirm(other, avatar).expect(404, "upload_not_found")
    other.stranger.post(CONFIRM, {"upload_id": avatar["upload_id"]}).expect(401)
    assert other.me()["avatar_url"] is None
    confirm(person, avatar).expect(200)


@pytest.mark.parametrize("_round", range(3))
def test_c8_a_confirmation_that_races_deletion(store: Store, _round: int) -> None:
    """Whoever comes first, no deleted account gets a picture, and none is left without one."""
    person = store.person()
    avatar = announce(person)
    assert store.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
    answers = race.at_once(
        [
            lambda: person.delete("/users/me"),
            *[lambda: confirm(person, avatar) for _ in range(6)],
        ]
    )
    race.statuses(answers)
    answers[0].expect(204)
    assert {answer.status for answer in answers[1:]} <= {200, 401, 404}
    confirm(person, avatar).expect(401)


@pytest.mark.parametrize("_round", range(3))
def test_c8_confirmations_at_once_are_one(store: Store, _round: int) -> None:
    person = store.person()
    avatar = announce(person)
    assert store.send(avatar["url"], PNG, headers=avatar["headers"]) == 201
    answers = race.at_once([lambda: confirm(person, avatar) for _ in range(8)])
    assert race.statuses(answers) == {200: 8}
    assert len({answer.json["avatar_url"] for answer in answers}) == 1
    shown = answers[0].json["avatar_url"]
    store.live.client.request("GET", shown).expect(200)
    with store.app.app_context():
        found = person.get("/audit-events?type=user.changed").expect(200).json["events"]
    assert len(found) == 1


def test_r108_every_binding_is_looked_at(local: Store) -> None:
    """The signature of a local URL covers each of its parts, and they may come once."""
    upload = signed(local)
    query = urlsplit(upload.url).query
    pairs = dict(part.split("=", 1) for part in query.split("&"))
    for name in pairs:
        for changed in (
            {**pairs, name: ""},
            {**pairs, name: pairs[name] + "0"},
            {key: text for key, text in pairs.items() if key != name},
        ):
            text = "&".join(f"{key}={value}" for key, value in changed.items())
            target = urlunsplit(urlsplit(upload.url)._replace(query=text))
            assert local.send(target, headers=upload.headers) == 403, text
    assert local.send(f"{upload.url}&expires=1", headers=upload.headers) == 422
    assert local.send(f"{upload.url}&more=1", headers=upload.headers) == 403
    assert content(local, upload) is None
    assert local.put(upload) == 201


def test_r108_no_path_leads_elsewhere(local: Store) -> None:
    upload = signed(local)
    parts = urlsplit(upload.url)
    for before, after in (
        ("/incoming/", "/incoming/x/../"),
        ("/incoming/", "/incoming/%2e%2e/incoming/"),
        ("/incoming/", "/incoming/..%2f..%2f..%2f"),
        ("/invoices/", "/../invoices/"),
        ("/invoices/", "/.partial/"),
    ):
        target = f"{parts.path.replace(before, after)}?{parts.query}"
        answer = local.live.client.request("PUT", target, body=PNG, headers=upload.headers)
        assert answer.status in REFUSED, target
    assert content(local, upload) is None


def test_r108_length_is_what_was_announced(local: Store) -> None:
    upload = signed(local, size=100)
    for data in (b"x" * 99, b"x" * 101, b""):
        assert local.put(upload, data) == 400
    parts = iter([b"x" * 50, b"x" * 50])
    # Without a length, in chunks.
    answer = local.client.request("PUT", upload.url, body=parts, headers=dict(upload.headers))
    assert answer.status == 400
    assert answer.json()["code"] == "wrong_length"
    assert content(local, upload) is None
    unbound = signed(local, size=None)
    assert local.put(unbound, b"x" * (LARGEST + 1)) == 400
    assert local.put(unbound, b"x" * LARGEST) == 201


def test_r85_what_may_not_come_is_not_read(local: Store) -> None:
    """One without the right to send is refused before a byte of it; other routes stay small."""
    path = urlsplit(signed(local).url).path
    length = ("Content-Length", str(10**12))
    refused = wire.exchange(
        local.live,
        wire.request(
            "PUT", f"{path}?expires=1&type=image/png&length={10**12}&signature=x", [length]
        ),
    )
    assert (refused.status, refused.json["code"]) == (403, "upload_url_invalid")
    large = ("Content-Length", str(LARGEST))
    refused = wire.exchange(local.live, wire.request("POST", "/api/v1/users", [large]))
    assert (refused.status, refused.json["code"]) == (413, "body_too_large")


def test_r85_a_large_upload_is_not_held_in_memory(local: Store) -> None:
    data = os.urandom(LARGEST)
    assert local.put(signed(local, size=LARGEST), data) == 201
    before = sum(wire.memory(local.live).values())
    statuses = race.at_once(
        [partial(local.put, signed(local, size=LARGEST), data) for _ in range(8)]
    )
    assert statuses == [201] * 8
    assert sum(wire.memory(local.live).values()) - before < 16 * 2**20


def test_r108_an_upload_that_ends_early_leaves_nothing(local: Store) -> None:
    upload = signed(local, size=LARGEST)
    target = upload.url.partition(local.live.url)[2]
    headers = [*upload.headers.items(), ("Content-Length", str(LARGEST))]
    cut = wire.exchange(local.live, wire.request("PUT", target, headers), PNG, end=True)
    assert cut.status == 400
    assert content(local, upload) is None
    assert local.put(upload, b"x" * LARGEST) == 201
    assert list((local.live.directory / "uploads" / ".partial").iterdir()) == []


def test_r112_signatures_are_not_logged(local: Store) -> None:
    person = local.person()
    avatar = announce(person)
    send(local.live.client, avatar).expect(201)
    confirm(person, avatar).expect(200)
    signature = dict(part.split("=", 1) for part in urlsplit(avatar["url"]).query.split("&"))
    logged = local.live.logged()
    assert signature["signature"] not in logged
    assert "/uploads/<container>/<path:blob>" in logged


def test_r108_a_picture_is_read_by_its_bytes(local: Store) -> None:
    """Whatever anybody has put in the place of a picture is shown as nothing in particular."""
    person = local.person()
    url = put_avatar(person)
    path = local.live.directory / "uploads" / "avatars" / url.rpartition("/")[2]
    path.write_bytes(b"<!doctype html><script>alert(1)</script>")
    shown = local.live.client.request("GET", url).expect(200)
    assert shown.headers["Content-Type"] == "application/octet-stream"


def test_r108_the_files_are_nobody_elses(local: Store) -> None:
    url = put_avatar(local.person())
    root = local.live.directory / "uploads"
    for path in (root, root / "avatars"):
        assert path.stat().st_mode & 0o077 == 0
    assert (root / "avatars" / url.rpartition("/")[2]).stat().st_mode & 0o777 == 0o600
