"""What browsers and proxies are told, and what they cannot make us tell (R100 to R105)."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from gatehouse.users.service import registration
from tests.conftest import MakeApp
from tests.support import doors
from tests.support.answers import JSON, PROBLEM, Answer, InProcess
from tests.support.api import PASSWORD, PREFIX, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox, text

OURS = "https://app.example.com"
FOREIGN = [
    "https://evil.example",
    "null",
    "",
    "*",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://appXexample.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://app.example.com@evil.example",
    "https://APP.example.com.",
    "https://app.example.com, https://evil.example",
    "https://app.example.com\x00.evil.example",
    "file://",
    "chrome-extension://abc",
]
PATHS = ("/api/v1/users/me", "/api/v1/users", "/api/v1/auth/login", "/.well-known/jwks.json")
PREFLIGHT = {
    "Access-Control-Request-Method": "DELETE",
    "Access-Control-Request-Headers": "authorization, x-evil",
    "Access-Control-Request-Private-Network": "true",
}


def of_cors(answer: Answer) -> list[str]:
    """Return the names of all header fields that open something to other origins."""
    return [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.settings(CORS_ORIGINS=OURS, CORS_CREDENTIALS="true")
def test_r100_foreign_origins_get_nothing(client: Api) -> None:
    person = client.sign_up()
    for origin in FOREIGN:
        for path in PATHS:
            for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT), ("HEAD", {})):
                headers = {"Origin": origin, **more}
                for asking in (client, person):
                    answer = asking.request(method, path, headers=headers)
                    assert of_cors(answer) == [], (origin, method, path)
                    assert "Origin" in answer.headers["Vary"]


@pytest.mark.settings(CORS_ORIGINS=OURS, CORS_CREDENTIALS="true")
def test_r100_our_origin_gets_what_it_needs(client: Api) -> None:
    for path in PATHS:
        answer = client.request("GET", path, headers={"Origin": OURS})
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert "Origin" in answer.headers["Vary"]
        preflight = client.request("OPTIONS", path, headers={"Origin": OURS, **PREFLIGHT})
        assert preflight.status == 200
        assert "x-evil" not in preflight.headers.get("Access-Control-Allow-Headers", "").lower()
        assert preflight.headers.get("Access-Control-Allow-Private-Network", "false") == "false"
    # Errors too may be read, or the browser's program would not know what happened.
    answer = client.request("GET", "/api/v1/users/me", headers={"Origin": OURS}).expect(401)
    assert answer.headers["Access-Control-Allow-Origin"] == OURS


def test_r100_without_origins_nobody_gets_anything(client: Api) -> None:
    for origin in (OURS, *FOREIGN):
        for method, more in (("GET", {}), ("OPTIONS", PREFLIGHT)):
            answer = client.request(method, PATHS[0], headers={"Origin": origin, **more})
            assert of_cors(answer) == []


def visited(app: Flask, client: Api, admin: Person) -> Iterator[Answer]:
    """Give the answer of every door to a stranger, to somebody and to an administrator."""
    person = client.sign_up()
    for door in doors.doors(app):
        for visitor in (client.at(), person, admin):
            if visitor is admin and (door.method == "DELETE" or "logout" in door.rule):
                continue
            yield visitor.request(door.method, door.path(person.id))
    for body in doors.bodies(client, person=person):
        yield admin.at().request(body.method, body.path, json=body.sample)


def test_r101_every_answer_is_guarded(app: Flask, client: Api, admin: Person) -> None:
    seen = set()
    for answer in visited(app, client, admin):
        seen.add(answer.status)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Request-ID"]
        assert "Set-Cookie" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers
        for name in ("Server", "X-Powered-By", "Via", "X-AspNet-Version"):
            assert name not in answer.headers
        for product in ("werkzeug", "flask", "gunicorn", "python", "sqlalchemy"):
            assert product not in str(answer.headers).lower()
        is_public = answer.status == 200 and answer.asked in (
            "GET /openapi.json",
            "GET /.well-known/jwks.json",
            "GET /",
            "GET /problems",
        )
        expected = "public, max-age=300" if is_public else "no-store"
        assert answer.headers["Cache-Control"] == expected, str(answer)
    assert seen >= {200, 201, 202, 204, 400, 401, 403, 404, 415}


@pytest.mark.settings(TRUSTED_PROXIES="198.51.100.1/32")
def test_r101_hsts_behind_https_only(client: Api) -> None:
    for path in ("/health", "/api/v1/users/me", "/nowhere"):
        answer = client.request("GET", path, headers={"X-Forwarded-Proto": "https"})
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
        plain = client.request("GET", path, headers={"X-Forwarded-Proto": "http"})
        assert "Strict-Transport-Security" not in plain.headers
        stranger = client.at().request("GET", path, headers={"X-Forwarded-Proto": "https"})
        assert "Strict-Transport-Security" not in stranger.headers


EVIL = "evil.example"
HOSTS = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "X-Host": EVIL,
    "X-Original-Host": EVIL,
    "Forwarded": f"for=1.2.3.4;host={EVIL};proto=http",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}/",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Forwarded-Port": "6666",
    "X-Original-URL": f"//{EVIL}/",
}


@pytest.mark.settings(PUBLIC_URL="https://accounts.example.com", TRUSTED_PROXIES="0.0.0.0/0")
def test_r102_links_come_from_the_settings_alone(client: Api, mailbox: Mailbox) -> None:
    email, wanted = new_email(), new_email()
    body = {"email": email, "password": PASSWORD}
    created = client.post("/users", body, headers=HOSTS).expect(201)
    assert created.headers["Location"] == f"/api/v1/users/{created.json['id']}"
    mailbox.messages()
    client.post("/auth/password-reset", {"email": email}, headers=HOSTS).expect(202)
    client.post("/auth/verify-email/resend", {"email": email}, headers=HOSTS).expect(202)
    person = client.log_in(email)
    change = {"email": wanted, "current_password": PASSWORD}
    person.patch("/users/me", change, headers=HOSTS).expect(200)
    client.post("/users", body, headers=HOSTS).expect(409)
    assert len(mailbox.to(email)) >= 4
    assert len(mailbox.to(wanted)) == 1
    for message in mailbox.messages():
        whole = message.as_string() + text(message)
        assert EVIL not in whole
        links = [word for word in text(message).split() if "://" in word]
        assert all(link.startswith("https://accounts.example.com/") for link in links)
    tokens = "redirect_to", "redirect_uri", "next", "callback", "url"
    for name in tokens:
        more = {"email": email, name: f"https://{EVIL}/"}
        client.post("/auth/password-reset", more).expect(422)
    answer = client.get("/users/me", headers=HOSTS).expect(401)
    assert EVIL not in answer.content.decode() + str(answer.headers)


@pytest.mark.settings(TRUSTED_HOSTS="127.0.0.1,accounts.example.com")
def test_r102_other_hosts_are_refused(client: Api, mailbox: Mailbox) -> None:
    for host in (
        EVIL,
        f"accounts.example.com.{EVIL}",
        f"accounts.example.com@{EVIL}",
        f"{EVIL}:127.0.0.1",
        "accounts.example.com:80@evil",
        "accounts.example.com/evil",
        "127.0.0.1, evil.example",
        "",
    ):
        body = {"email": new_email(), "password": PASSWORD}
        answer = client.at().post("/users", body, headers={"Host": host})
        answer.expect(400, "untrusted_host")
        assert EVIL not in answer.content.decode()
    assert mailbox.messages() == []
    client.get("/users/me", headers={"Host": "ACCOUNTS.example.com:443"}).expect(401)


ASIDE = ["//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "///evil"]
ASIDE += ["/%09/evil.example", "%2f%2fevil.example", "javascript:alert(1)", "/%0d%0aLocation: x"]


def test_r103_nothing_ever_redirects(app: Flask, client: Api, admin: Person) -> None:
    names = ("next", "redirect", "redirect_to", "redirect_uri", "return", "returnTo", "url")
    person = client.sign_up()
    for door in doors.doors(app):
        path = door.path(person.id)
        for visitor in (client.at(), person, admin):
            if door.method == "DELETE":
                continue
            for aside in ASIDE[:2]:
                query = "&".join(f"{name}={aside}" for name in names)
                answer = visitor.request(door.method, f"{path}?{query}")
                assert not 300 <= answer.status < 400, str(answer)
                assert "evil" not in answer.headers.get("Location", "")
    for aside in ASIDE:
        for path in (
            aside,
            f"/{aside}",
            f"{PREFIX}/{aside}",
            f"{PREFIX}/users/{aside}",
            f"/{aside}/..",
        ):
            if path.startswith("//"):
                continue  # the client of these tests takes it for a host; test_wire sends it
            answer = client.request("GET", path if path.startswith("/") else f"/{path}")
            assert answer.status in (400, 404, 405), str(answer)
            assert "Location" not in answer.headers
            assert "Refresh" not in answer.headers


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """Return the problem document if the answer is one, and tells nothing of the inside."""
    assert answer.status == status, str(answer)
    assert answer.headers["Content-Type"] == PROBLEM
    document: dict[str, Any] = answer.json
    assert {"type", "title", "status", "detail", "instance", "code"} <= set(document)
    assert document["status"] == status
    assert document["type"] == f"/problems/{document['code']}"
    assert document["code"] == document["code"].lower().replace(" ", "_").replace("-", "_")
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    content = answer.content.decode().lower()
    for word in ("traceback", "sqlalchemy", "psycopg", "sqlite", "werkzeug", "select ", ".py", "<"):
        assert word not in content.replace("<uuid", ""), str(answer)
    return document


Ask = Callable[[Api, Person], Answer]
AS_JSON, NEW_USER = {"Content-Type": JSON}, {"password": PASSWORD}
NEW = {"token": "x", "new_password": PASSWORD + "x"}
HTML, GZIP, OTHER = {"Accept": "text/html"}, {"Content-Encoding": "gzip"}, {"If-Match": '"v99"'}
ERRORS: dict[str, tuple[int, Ask]] = {
    "broken JSON": (400, lambda c, p: c.post("/auth/login", body=b"{", headers=AS_JSON)),
    "a bad one-time token": (400, lambda c, p: c.post("/auth/password-reset/confirm", NEW)),
    "a bad grant": (400, lambda c, p: c.try_grant(p.email, "x")),
    "no token": (401, lambda c, p: c.get("/users/me")),
    "a bad token": (401, lambda c, p: c.bearing("x").get("/users/me")),
    "a bad refresh token": (401, lambda c, p: c.try_refresh("x")),
    "a wrong password": (401, lambda c, p: c.try_log_in(p.email, "x")),
    "no permission": (403, lambda c, p: p.get("/users")),
    "a wrong current one": (403, lambda c, p: p.post("/auth/reauthenticate", {"password": "x"})),
    "no route": (404, lambda c, p: c.get("/nowhere")),
    "no index": (404, lambda c, p: c.request("GET", "/index.html")),
    "no such session": (404, lambda c, p: p.delete(f"/auth/sessions/{p.id}")),
    "a wrong method": (405, lambda c, p: p.put("/users/me", {})),
    "TRACE": (405, lambda c, p: c.request("TRACE", "/health")),
    "an unknown method": (405, lambda c, p: c.request("PROPFIND", "/health")),
    "another type wanted": (406, lambda c, p: p.get("/users/me", headers=HTML)),
    "a taken address": (409, lambda c, p: c.post("/users", {**NEW_USER, "email": p.email})),
    "another version": (412, lambda c, p: p.patch("/users/me", {}, headers=OTHER)),
    "a large body": (413, lambda c, p: c.post("/auth/login", {"username": "x" * 70_000})),
    "another type": (415, lambda c, p: c.post("/auth/login", form={"username": "x"})),
    "compressed": (415, lambda c, p: c.post("/auth/login", {}, headers=GZIP)),
    "a missing member": (422, lambda c, p: c.post("/auth/login", {})),
    "an unknown parameter": (422, lambda c, p: p.get("/users/me?x=1")),
}


def test_r104_r105_every_error_has_one_shape(client: Api) -> None:
    person = client.sign_up()
    for name, (status, ask) in ERRORS.items():
        answer = ask(client.at(), person)
        document = problem(answer, status)
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), name
        if status == 405:
            assert {"OPTIONS"} <= set(answer.headers["Allow"].split(", ")), name
            assert "GET" in answer.headers["Allow"], name
        if status == 422 and "x=1" not in answer.asked:
            assert document["errors"], name


def test_r105_what_limits_and_throttles_answer(client: Api, clock: Clock) -> None:
    clock.stop()
    person, stranger = client.sign_up(), client.at()
    for _ in range(10):
        client.at().try_log_in(person.email, "a wrong Password")
    throttled = client.at().try_log_in(person.email)
    for _ in range(20):
        stranger.post("/auth/password-reset", {"email": new_email()}).expect(202)
    limited = stranger.post("/auth/password-reset", {"email": new_email()})
    for answer in (throttled, limited):
        problem(answer, 429)
        assert answer.retry_after >= 1


def test_r104_r105_without_the_database(client: Api) -> None:
    person = client.sign_up()
    down = OperationalError("SELECT secret FROM users", {}, Exception("FATAL: password of root"))
    with (
        mock.patch("sqlalchemy.engine.base.Connection.execute", side_effect=down),
        mock.patch("sqlalchemy.engine.base.Engine.connect", side_effect=down),
        mock.patch("sqlalchemy.engine.base.Engine.raw_connection", side_effect=down),
    ):
        answers = [
            person.get("/users/me"),
            client.at().try_log_in(person.email),
            client.at().try_refresh(person.refresh_token),
            client.at().post("/auth/password-reset", {"email": person.email}),
        ]
    for answer in answers:
        document = problem(answer, 503)
        assert document["code"] == "database_unavailable"
        assert answer.retry_after >= 1
        assert "password of root" not in answer.content.decode()
    assert person.is_in()


def test_r104_what_nobody_expected_tells_nothing(
    make_app: MakeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    transport = InProcess(make_app())
    client = Api(transport)
    error = ValueError("the inside: /home/secret, password=hunter22")
    body = b'{"email": "somebody@example.com", "password": "a Password of tests"}'
    headers = {"Content-Type": "application/json"}
    with mock.patch.object(registration, "check_password", side_effect=error):
        answer = transport.send("POST", f"{PREFIX}/users", headers, body, "203.0.113.9")
    document = problem(answer, 500)
    assert document["code"] == "internal_error"
    assert "inside" not in answer.content.decode()
    logged = capfd.readouterr().err
    assert document["instance"] in logged
    assert "hunter22" not in logged
    assert client.sign_up("somebody@example.com").is_in()
