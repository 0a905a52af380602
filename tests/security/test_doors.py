"""Every door with every kind of visitor, and every spelling of its path (R79 to R82)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from gatehouse.web.access import Kind
from tests.support import doors, stored
from tests.support.answers import Answer, Transport
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.mailbox import Mailbox

# Pages for people, which are no part of the API and not described.
PAGES = {
    "GET /",
    "GET /verify-email",
    "GET /reset-password",
    "GET /forgot-password",
    "GET /problems",
    "GET /problems/<code>",
    "GET /docs",
    "GET /pages/<digest>/<name>",
    "GET /uploads/avatars/<name>",
    "PUT /uploads/<container>/<path:blob>",
}
# Every door that opens without a token is named here, so that another one is a decision.
PUBLIC = {
    "GET /health",
    "GET /ready",
    "GET /openapi.json",
    "GET /.well-known/jwks.json",
    *PAGES,
    "POST /api/v1/users",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/token",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/verify-email",
    "POST /api/v1/auth/verify-email/resend",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/password-reset/confirm",
}
USER_MEMBERS = {
    *("id", "email", "pending_email", "username", "name", "locale", "roles", "is_active"),
    *("is_verified", "is_superuser", "avatar_url", "created_at", "updated_at", "created_by"),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """Hands requests on and keeps the answers."""

    transport: Transport
    answers: list[Answer] = field(default_factory=list)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, address: str
    ) -> Answer:
        """Send it."""
        answer = self.transport.send(method, path, headers, body, address)
        self.answers.append(answer)
        return answer


def test_r79_no_answer_holds_a_secret(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    recorder = Recording(client.transport)
    watched = Api(recorder)
    victim = client.sign_up(username=new_username())
    client.post("/auth/password-reset", {"email": victim.email}).expect(202)
    tokens = mailbox.tokens(victim.email)
    visitors = [watched, watched.bearing(client.sign_up().token), watched.bearing(admin.token)]
    # First with no body, which changes little, then with one that fits, the deadly doors last.
    found = sorted(doors.doors(app), key=lambda door: (door.method == "DELETE", str(door)))
    for visitor in visitors:
        for door in found:
            if door.method == "GET":
                visitor.request(door.method, door.path(victim.id))
        for body in doors.bodies(client, person=victim):
            visitor.at().request(body.method, body.path, json=body.sample)
        visitor.get("/users?q=person&total=true")
        visitor.get(f"/users/{victim.id}/sessions")
        visitor.get(f"/audit-events?subject_id={victim.id}")
    assert len(recorder.answers) >= 90
    assert {answer.status for answer in recorder.answers} >= {200, 201, 202, 401, 403, 404, 422}
    tables = stored.tables(app)
    hidden = [str(row["password_hash"]) for row in tables["users"] if row["password_hash"]]
    hidden += [row["digest"] for row in tables["one_time_tokens"]]
    hidden += [str(row["private_encrypted"]) for row in tables["signing_keys"]]
    hidden += [PASSWORD, admin.password, str(victim.token), victim.refresh_token, *tokens]
    hidden += [str(admin.token), admin.refresh_token, app.config["SETTINGS"].secret_key.value]
    hidden += ["$bcrypt", "password_hash", "session_epoch", "private_encrypted", '"d":', "digest"]
    hidden += [text[-32:] for text in hidden if len(text) > 40]
    for answer in recorder.answers:
        content = answer.content.decode() + str(answer.headers)
        if "/openapi.json" in answer.asked:
            continue
        for secret in hidden:
            assert secret not in content, (answer.asked, secret)


def test_r79_an_account_shows_what_it_should(client: Api, admin: Person) -> None:
    person = client.sign_up()
    shown: list[dict[str, Any]] = [
        client.post("/users", {"email": new_email(), "password": PASSWORD}).expect(201).json,
        person.me(),
        person.get(f"/users/{person.id}").expect(200).json,
        person.patch("/users/me", {"name": "Zoë"}).expect(200).json,
        admin.get(f"/users/{person.id}").expect(200).json,
        admin.patch(f"/users/{person.id}", {"name": "Zoë"}).expect(200).json,
        admin.grant(person.id, "user").expect(200).json,
        *admin.get("/users").expect(200).json["users"],
    ]
    assert len(shown) == 10
    assert all(set(one) == USER_MEMBERS for one in shown)
    person.get("/users").expect(403)
    (session,) = person.get("/auth/sessions").json["sessions"]
    expected = {"id", "created_at", "last_used_at", "expires_at", "address", "user_agent", "amr"}
    assert set(session) == {*expected, "is_current"}
    assert all(
        person.id in (event["actor_id"], event["subject_id"])
        for event in person.get("/audit-events").json["events"]
    )


def test_r80_every_path_of_the_description_wants_a_token(app: Flask, client: Api) -> None:
    described = set()
    for method, path, operation in doors.operations(doors.document(client)):
        described.add(f"{method} {path}")
        concrete = re.sub(r"{\w+_id}", str(uuid4()), path)
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTph"}):
            answer = client.at().request(method, concrete, headers=headers)
            if f"{method} {path}" not in PUBLIC:
                answer.expect(401)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert {} not in operation["security"]
                assert operation["security"] != []
            elif not headers:
                assert answer.status != 401 or path.endswith("/auth/refresh"), str(answer)
    # What the description names and what the service knows are the same.
    routed = {re.sub(r"<uuid:(\w+)>", r"{\1}", str(door)) for door in doors.doors(app)}
    # OpenAPI has no words for a WebSocket; its ticket is shown in tests/sockets.
    undescribed = {"GET /openapi.json", "GET /metrics", "GET /ws/<client_id>", *PAGES}
    assert routed - described == undescribed
    assert described <= routed
    assert {one for one in routed if one in PUBLIC} == PUBLIC


def test_r81_an_id_is_no_credential(app: Flask, client: Api, admin: Person) -> None:
    victim = client.sign_up()
    person = client.sign_up()
    claims = {"user_id": victim.id, "id": victim.id, "sub": victim.id, "email": victim.email}
    query = "&".join(f"{name}={value}" for name, value in claims.items())
    headers = {"X-User-Id": victim.id, "X-User": victim.email, "Cookie": f"user_id={victim.id}"}
    before = stored.account(app, victim.id), stored.account(app, person.id)
    for door in doors.protected(app):
        path = door.path(victim.id)
        for asked in (path, f"{path}?{query}"):
            client.request(door.method, asked, json=claims, headers=headers).expect(401)
    # With a session of one's own they change nobody.
    assert person.get("/users/me", headers=headers).expect(200).json["id"] == person.id
    assert person.get("/users/me", json=claims).expect(200).json["id"] == person.id
    person.get(f"/users/me?{query}").expect(422)
    for path in ("/users/me", f"/users/{person.id}"):
        person.patch(path, {**claims, "name": "Zoë"}).expect(422)
    sessions = person.get("/auth/sessions", headers=headers).json["sessions"]
    assert [one["is_current"] for one in sessions] == [True]
    person.delete("/auth/sessions", headers=headers, json=claims).expect(204)
    assert victim.is_in()
    person.delete("/users/me", headers=headers, json=claims).expect(204)
    assert stored.account(app, victim.id) == before[0]
    assert stored.account(app, person.id) != before[1]


OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Method")


def test_r82_the_method_is_the_one_of_the_request(app: Flask, client: Api, admin: Person) -> None:
    victim = client.sign_up()
    before = stored.account(app, victim.id)
    for method in ("DELETE", "PATCH", "PUT"):
        headers = dict.fromkeys(OVERRIDES, method)
        admin.get(f"/users/{victim.id}", headers=headers).expect(200)
        admin.post(f"/users/{victim.id}", {"is_active": False}, headers=headers).expect(405)
        admin.post(f"/users/{victim.id}?_method={method}", {}).expect(405)
        admin.get(f"/users/{victim.id}?_method={method}").expect(422)
    assert stored.account(app, victim.id) == before


def test_r82_head_is_get_without_its_body(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    for door in doors.doors(app):
        if door.method != "GET":
            continue
        for visitor in (client, person, admin):
            path = door.path(person.id)
            get, head = (visitor.request(method, path) for method in ("GET", "HEAD"))
            assert head.status == get.status, path
            assert head.content == b""
            names = ("Content-Type", "ETag", "WWW-Authenticate", "Cache-Control")
            assert [head.headers.get(name) for name in names] == [
                get.headers.get(name) for name in names
            ]


def test_r82_options_tells_methods_and_nothing_else(app: Flask, client: Api) -> None:
    victim, person = client.sign_up(), client.sign_up()
    for door in doors.doors(app):
        answers = [
            visitor.request("OPTIONS", door.path(value))
            for visitor in (client, person)
            for value in (victim.id, uuid4())
        ]
        assert len({(answer.status, answer.content) for answer in answers}) == 1
        assert answers[0].content == b"" or answers[0].code == "method_not_allowed"
    assert victim.is_in()


def spellings(path: str) -> list[str]:
    """Return other ways to write a path that a careless program would take for it."""
    head, _, last = path.rpartition("/")
    first = f"%{ord(last[0]):02x}{last[1:]}"
    odd = f"%{ord(last[0]):02X}{last[1:]}"
    return [
        f"/{path}",
        f"//evil.example{path}",
        f"{head}//{last}",
        f"{path}/",
        f"{path}//",
        f"{path}/.",
        f"{path}/..;/{last}",
        f"{path};x",
        f"{path};/",
        f"{path}.json",
        f"{path}%2f",
        f"{path}%00",
        f"{path}%20",
        f"{path}%0a",
        f"{path}%3f",
        f"{path}?",
        f"{head}/./{last}",
        f"{head}/x/../{last}",
        f"{head}/%2e/{last}",
        f"{head}%2f{last}",
        f"{head}%5c{last}",
        f"{head}/{first}",
        f"{head}/{odd}",
        f"{head}/%25{ord(last[0]):02x}{last[1:]}",
        path.upper(),
        path.title(),
        f"/health/..{path}",
        f"/health;{path}",
        f"/%2e%2e{path}",
    ]


@pytest.mark.settings(LIMITS="export=1000/hour")
@pytest.mark.settings(LIMITS="export=1000/hour")
def test_r82_every_spelling_of_a_path_is_the_path_or_none(
    app: Flask, client: Api, admin: Person
) -> None:
    person = client.sign_up()
    served = 0
    for door in doors.protected(app):
        if door.method != "GET":
            continue
        path = door.path(admin.id)
        plain = {name: one.request("GET", path).status for name, one in visitors(client, person)}
        assert plain["stranger"] == 401
        for spelling in spellings(path):
            for name, visitor in visitors(client, person):
                status = visitor.request("GET", spelling).status
                assert status in {plain[name], 404, 400, 405}, (name, spelling, status)
            found = admin.request("GET", spelling).status
            served += found == 200
            assert found in (200, 404, 400, 405), spelling
    assert served > 10


def visitors(client: Api, person: Person) -> list[tuple[str, Api]]:
    return [("stranger", client), ("person", person)]


def test_r82_writes_by_other_spellings(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    before = stored.account(app, admin.id)
    for door in doors.doors(app):
        if door.method == "GET" or door.lock.kind is not Kind.PERMISSION:
            continue
        for spelling in spellings(door.path(admin.id)):
            for visitor, plain in ((client, 401), (person, 403)):
                answer = visitor.request(door.method, spelling, json={})
                assert answer.status in {plain, 404, 400, 405}, (spelling, str(answer))
    assert stored.account(app, admin.id) == before
