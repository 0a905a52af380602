"""A person's picture: announced, sent, confirmed, shown, replaced, taken away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Row

from gatehouse import uploads
from gatehouse.infra import jobs
from gatehouse.infra.jobs import runner
from gatehouse.uploads import inspection
from tests.support import people
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.support.pictures import JPEG, PLACE, PNG, SAMPLES, with_place
from tests.support.uploads import announce, confirm, put_avatar, send, uploaded
from tests.users import records

Files = Callable[[], list[str]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return what lists the files that are kept."""
    root = tmp_path / "uploads"
    return lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def work(app: Flask) -> None:
    """Do the work that is due, housekeeping too."""
    with app.app_context():
        runner.ensure_periodic()
        jobs.run_due()
    assert not [row for row in records.rows(app, "outbox") if row.last_error]


@pytest.mark.parametrize("media_type", SAMPLES)
def test_a_picture_is_sent_and_shown(
    app: Flask, client: Api, files: Files, media_type: str
) -> None:
    person = client.sign_up()
    version = person.get("/users/me").headers["ETag"]
    data = SAMPLES[media_type]
    upload = announce(person, data, media_type)
    assert upload["method"] == "PUT"
    assert upload["headers"] == {"Content-Type": media_type}
    answer = send(client, upload, data).expect(201)
    assert answer.content == b""
    changed = confirm(person, upload).expect(200)
    assert changed.headers["ETag"] != version
    assert changed.json == person.me()
    shown = client.at().request("GET", changed.json["avatar_url"]).expect(200)
    assert shown.content == data
    assert shown.headers["Content-Type"] == media_type
    work(app)
    assert files() == ["avatars/" + changed.json["avatar_url"].rpartition("/")[2]]
    [event] = records.events(app, "user.changed")
    assert (str(event.actor_id), event.details) == (person.id, {"members": ["avatar"]})


def test_where_it_was_taken_is_not_shown(client: Api) -> None:
    person = client.sign_up()
    for media_type in SAMPLES:
        url = put_avatar(person, with_place(media_type), media_type)
        assert PLACE not in client.request("GET", url).expect(200).content


def test_confirming_again_changes_nothing(app: Flask, client: Api, files: Files) -> None:
    person = client.sign_up()
    upload = announce(person)
    send(client, upload).expect(201)
    first = confirm(person, upload).expect(200)
    work(app)
    again = confirm(person, upload).expect(200)
    assert (again.json, again.headers["ETag"]) == (first.json, first.headers["ETag"])
    person.delete("/users/me/avatar").expect(204)
    assert confirm(person, upload).expect(200).json["avatar_url"] is None
    assert len(records.events(app, "user.changed")) == 2


def test_another_picture_takes_its_place(app: Flask, client: Api, files: Files) -> None:
    person = client.sign_up()
    old = put_avatar(person)
    new = put_avatar(person, JPEG, "image/jpeg")
    assert old != new
    work(app)
    assert files() == ["avatars/" + new.rpartition("/")[2]]
    client.request("GET", old).expect(404)
    person.delete("/users/me/avatar").expect(204)
    person.delete("/users/me/avatar").expect(204)
    assert person.me()["avatar_url"] is None
    work(app)
    assert files() == []
    client.request("GET", new).expect(404)
    assert len(records.events(app, "user.changed")) == 3


def test_what_cannot_be_announced(client: Api) -> None:
    for body in (
        {"content_type": "image/svg+xml", "size": 10},
        {"content_type": "image/gif", "size": 10},
        {"content_type": "IMAGE/PNG", "size": 10},
        {"content_type": "image/png", "size": 0},
        {"content_type": "image/png", "size": -1},
        {"content_type": "image/png", "size": "10"},
        {"content_type": "image/png", "size": 5 * 2**20 + 1},
        {"content_type": "image/png"},
        {"content_type": "image/png", "size": 10, "name": "../x"},
    ):
        client.sign_up().post("/users/me/avatar", body).expect(422, "validation_failed")
    client.post("/users/me/avatar", {"content_type": "image/png", "size": 9}).expect(401)


def test_what_cannot_be_confirmed(client: Api) -> None:
    person = client.sign_up()
    confirm(person, {"upload_id": "0199c2d4-5a6b-7c8d-9e0f-1a2b3c4d5e6f"}).expect(
        404, "upload_not_found"
    )
    upload = announce(person)
    confirm(person, upload).expect(409, "upload_missing")
    send(client, upload).expect(201)
    confirm(client.at().sign_up(), upload).expect(404, "upload_not_found")
    confirm(person, upload).expect(200)


@pytest.mark.parametrize(
    ("data", "media_type", "told"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", "PNG, JPEG nor WebP"),
        (b"<script>alert(1)</script>", "image/jpeg", "PNG, JPEG nor WebP"),
        (PNG[:-9], "image/png", "ends early"),
        (PNG, "image/webp", "announced as another"),
    ],
)
def test_what_is_no_picture_of_its_kind_is_let_go_of(
    app: Flask, client: Api, files: Files, data: bytes, media_type: str, told: str
) -> None:
    person = client.sign_up()
    upload = announce(person, data, media_type)
    send(client, upload, data).expect(201)
    answer = confirm(person, upload).expect(422, "picture_refused")
    assert told in answer.json["detail"]
    confirm(person, upload).expect(404, "upload_not_found")
    work(app)
    assert files() == []
    assert person.me()["avatar_url"] is None


def test_ten_urls_an_hour(client: Api) -> None:
    person = client.sign_up()
    for _ in range(10):
        announce(person)
    body = {"content_type": "image/png", "size": 9}
    person.post("/users/me/avatar", body).expect(429, "rate_limited")
    announce(client.at().sign_up())
    for _ in range(60):
        confirm(person, {"upload_id": person.id}).expect(404)
    confirm(person, {"upload_id": person.id}).expect(429, "rate_limited")


def test_sixty_urls_an_hour_from_one_address(client: Api) -> None:
    for _ in range(6):
        person = client.sign_up()
        for _ in range(10):
            announce(person)
    body = {"content_type": "image/png", "size": 9}
    refused = client.sign_up().post("/users/me/avatar", body).expect(429, "rate_limited")
    assert refused.headers["RateLimit-Policy"] == '"avatar_url_address";q=60;w=3600'
    announce(client.at().sign_up())


def test_a_third_upload_withdraws_the_first(
    app: Flask, client: Api, files: Files, clock: Clock
) -> None:
    person, other = client.sign_up(), client.sign_up()
    put_avatar(person)
    others = uploaded(other)
    first, second, third = [uploaded(person) for _ in range(3)]
    work(app)
    assert len(files()) == 4
    confirm(person, first).expect(404, "upload_not_found")
    send(client, first).expect(201)
    clock.forward(hours=2)
    work(app)
    assert f"avatars/incoming/{first['upload_id']}" not in files()
    for upload in (second, third):
        confirm(person.again(), upload).expect(200)
    confirm(other.again(), others).expect(200)


def test_c8_what_is_withdrawn_while_it_is_looked_at_is_no_picture(
    app: Flask, client: Api, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = client.sign_up()
    upload, keep = uploaded(person), inspection.keep

    def slowly(row: Row[Any]) -> None:
        keep(row)
        for _ in range(2):
            announce(person)

    monkeypatch.setattr(inspection, "keep", slowly)
    confirm(person, upload).expect(404, "upload_not_found")
    assert person.me()["avatar_url"] is None
    work(app)
    assert files() == []


def test_what_nobody_confirms_is_swept(
    app: Flask, client: Api, files: Files, clock: Clock, tmp_path: Path
) -> None:
    person = client.sign_up()
    kept = put_avatar(person)
    upload = announce(person)
    send(client, upload).expect(201)
    # Confirmed as far as the storage goes, and then its process ended.
    row = next(row for row in records.rows(app, "uploads") if str(row.id) == upload["upload_id"])
    (tmp_path / "uploads" / "avatars" / row.kept).write_bytes(PNG)
    (tmp_path / "uploads" / ".partial" / "left").write_bytes(PNG)
    clock.forward(hours=22)
    work(app)
    assert len(files()) == 4
    clock.forward(hours=3)
    work(app)
    assert files() == ["avatars/" + kept.rpartition("/")[2]]
    assert records.rows(app, "uploads") == []
    confirm(client.log_in(person.email), upload).expect(404, "upload_not_found")
    client.request("GET", kept).expect(200)


def test_nobody_confirms_what_is_about_to_be_swept(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    upload = announce(person)
    send(client, upload).expect(201)
    clock.forward(hours=23, minutes=1)
    confirm(person.again(), upload).expect(404, "upload_not_found")


def test_erasing_a_person_takes_their_pictures(
    app: Flask, client: Api, admin: Person, files: Files, clock: Clock
) -> None:
    person = client.at().sign_up()
    put_avatar(person)
    waiting = announce(person)
    send(client, waiting).expect(201)
    late = announce(person)
    admin.post(f"/users/{person.id}/erase").expect(204)
    # The URL is still good; what comes by it goes as well.
    send(client, late).expect(201)
    work(app)
    assert files() == []
    assert records.rows(app, "uploads") == []
    for upload in (waiting, late):
        send(client, upload).expect(201)
    clock.forward(hours=2)
    work(app)
    assert files() == []


def test_r70_a_new_account_gets_no_picture_of_the_old(client: Api) -> None:
    person = client.at().sign_up()
    url = put_avatar(person)
    waiting = announce(person)
    send(client, waiting).expect(201)
    person.delete("/users/me").expect(204)
    again = client.at().sign_up(email=person.email)
    assert again.me()["avatar_url"] is None
    confirm(again, waiting).expect(404, "upload_not_found")
    assert put_avatar(again) != url


def test_a_restored_account_has_its_picture(client: Api, admin: Person) -> None:
    person = client.at().sign_up()
    url = put_avatar(person)
    person.delete("/users/me").expect(204)
    assert admin.post(f"/users/{person.id}/restore").expect(200).json["avatar_url"] == url
    client.request("GET", url).expect(200)


def test_the_export_names_uploads(client: Api) -> None:
    person = client.sign_up()
    url = put_avatar(person)
    announce(person, JPEG, "image/jpeg")
    data = person.get("/users/me/export").expect(200).json["data"]
    assert data["account"]["avatar_url"] == url
    assert [(one["content_type"], one["size"]) for one in data["uploads"]] == [
        ("image/png", len(PNG)),
        ("image/jpeg", len(JPEG)),
    ]
    assert [one["confirmed_at"] is None for one in data["uploads"]] == [False, True]


def test_a_job_waits_while_the_storage_is_away(
    app: Flask, client: Api, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = client.sign_up()
    put_avatar(person)
    person.delete("/users/me/avatar").expect(204)

    def failing(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched, app.app_context():
        patched.setattr(Path, "unlink", failing)
        jobs.run_due()
    waiting = [row for row in records.rows(app, "outbox") if row.last_error]
    assert {row.state for row in waiting} == {"waiting"}
    assert "StorageUnavailable" in str(waiting) or "TryLater" in str(waiting)
    assert files() != []


def test_other_features_sign_urls_of_their_own(app: Flask, client: Api, tmp_path: Path) -> None:
    def sign() -> uploads.SignedUpload:
        return uploads.generate_upload_url("invoices", "2026/0001.pdf")

    signed = people.in_context(app, sign)
    upload = {"url": signed.url, "headers": signed.headers}
    send(client, upload, b"%PDF-1.7 of any length").expect(201)
    kept = tmp_path / "uploads" / "invoices" / "2026" / "0001.pdf"
    assert kept.read_bytes() == b"%PDF-1.7 of any length"
    send(client, upload, b"%PDF").expect(409, "upload_exists")
    for method in ("GET", "HEAD", "DELETE", "POST"):
        assert send(client, upload, b"", method=method).status in (404, 405)


@pytest.mark.settings(CORS_ORIGINS="https://app.example.org")
def test_a_front_end_elsewhere_may_send_and_show(client: Api) -> None:
    person = client.sign_up()
    upload = announce(person)
    asking = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "PUT"}
    asking["Access-Control-Request-Headers"] = "content-type"
    allowed = send(client, upload, b"", method="OPTIONS", headers=asking).expect(200)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    strange = send(
        client, upload, b"", method="OPTIONS", headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in strange.headers
