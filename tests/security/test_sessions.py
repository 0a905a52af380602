"""Sessions: how they are refreshed and end, and who may see them (R16, R18, R19, R22 to R28)."""

import time
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url

from gatehouse.infra import redis
from tests.conftest import MakeApp
from tests.support import forge
from tests.support.answers import InProcess
from tests.support.api import PASSWORD, Api, Person
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox

NEW_PASSWORD = "another Password of tests"


def is_dead(person: Person) -> bool:
    """Tell whether neither token of a person opens anything."""
    access = person.get("/users/me")
    refresh = person.stranger.try_refresh(person.refresh_token)
    return access.status == 401 and refresh.status == 401


def test_r16_a_replayed_refresh_token_ends_the_family(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    bystander = person.again()
    first = person.refreshed()
    clock.forward(seconds=11)
    client.try_refresh(person.refresh_token).expect(401, "invalid_refresh_token")
    assert is_dead(first)
    assert is_dead(person)
    assert bystander.is_in()
    assert bystander.refreshed().is_in()


@pytest.mark.parametrize("thief", ["address", "agent"])
def test_r16_within_the_grace_only_the_client_that_rotated(client: Api, thief: str) -> None:
    person = client.sign_up()
    first = person.refreshed()
    other = client.at() if thief == "address" else client.using("thief/1.0")
    other.try_refresh(person.refresh_token).expect(401, "invalid_refresh_token")
    assert is_dead(first)


def test_r16_the_grace_answers_with_the_same_successor(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    first = person.refreshed()
    clock.forward(seconds=5)
    again = person.refreshed()
    assert again.refresh_token == first.refresh_token
    assert first.is_in()
    assert again.is_in()
    # Once the successor was used, the one before is a replay.
    second = first.refreshed()
    client.try_refresh(person.refresh_token).expect(401)
    assert is_dead(second)


@pytest.mark.settings(REFRESH_REUSE_GRACE_SECONDS="0")
def test_r16_without_grace_every_replay_ends_the_family(client: Api) -> None:
    person = client.sign_up()
    first = person.refreshed()
    client.try_refresh(person.refresh_token).expect(401)
    assert is_dead(first)


def test_r16_generations_that_never_were(client: Api, app: Flask) -> None:
    person = client.sign_up()
    _, claims, _ = forge.parts(person.refresh_token)
    # Without the key of refresh tokens nobody can name another generation.
    for crooked in (
        forge.joined({"alg": "none"}, claims | {"gen": 1}, ""),
        forge.signed(app, claims, headers={"typ": "JWT"}),
        person.refresh_token[:-2],
        person.refresh_token + "A",
        "",
        "x" * 5_000,
    ):
        answer = client.try_refresh(crooked)
        assert answer.status in (401, 422), str(answer)
    assert person.refreshed().is_in()


def test_r18_after_a_restart_of_everything(
    app: Flask, make_app: MakeApp, client: Api, database_url: str, clock: Clock
) -> None:
    rotated, ended = client.sign_up(), client.sign_up()
    successor = rotated.refreshed()
    ended.post("/auth/logout").expect(204)
    clock.forward(seconds=11)
    with app.app_context():
        if (shared := redis.client()) is not None:
            shared.flushall()
    cut_connections(database_url)
    restarted = Api(InProcess(make_app()))
    for service in (client, restarted):
        service.bearing(ended.token).get("/users/me").expect(401)
        service.try_refresh(ended.refresh_token).expect(401)
    assert restarted.bearing(successor.token).get("/users/me").status == 200
    restarted.try_refresh(rotated.refresh_token).expect(401)
    assert is_dead(successor)


def cut_connections(database_url: str) -> None:
    """End every connection to a PostgreSQL database, as its restart does."""
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_r19_a_session_ends_however_often_it_is_refreshed(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    for _ in range(4):
        clock.forward(days=6, hours=23)
        person = person.refreshed()
    clock.forward(days=1)
    person = person.refreshed()
    assert person.is_in()
    clock.forward(days=1, hours=5)
    person.stranger.try_refresh(person.refresh_token).expect(401)
    person.get("/users/me").expect(401)


def test_r19_an_unused_session_ends(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    clock.forward(days=7, seconds=1)
    person.stranger.try_refresh(person.refresh_token).expect(401)
    assert person.again().is_in()


def test_r19_the_refresh_token_says_when_its_session_ends(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    born = forge.parts(person.refresh_token)[1]["iat"]
    assert forge.parts(person.refresh_token)[1]["exp"] == born + 7 * 86_400
    for _ in range(4):
        clock.forward(days=6)
        person = person.refreshed()
    assert abs(forge.parts(person.refresh_token)[1]["exp"] - (born + 30 * 86_400)) <= 1


def test_r22_a_password_change_needs_the_password_and_ends_other_sessions(client: Api) -> None:
    person = client.sign_up()
    other = person.again()
    for wrong in ("", "wrong", PASSWORD.upper(), PASSWORD + " "):
        body = {"current_password": wrong, "new_password": NEW_PASSWORD}
        assert person.post("/users/me/password", body).status in (403, 422)
    person.post("/users/me/password", {"new_password": NEW_PASSWORD}).expect(422)
    assert other.is_in()
    change(person)
    assert person.is_in()
    assert person.refreshed().is_in()
    assert is_dead(other)
    client.try_log_in(person.email, PASSWORD).expect(401)
    client.log_in(person.email, NEW_PASSWORD)


def change(person: Person, password: str = NEW_PASSWORD) -> None:
    """Change a password."""
    body = {"current_password": person.password, "new_password": password}
    person.post("/users/me/password", body).expect(204)


def test_r23_a_reset_ends_all_sessions(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up()
    other = person.again()
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    assert person.is_in()
    body = {"token": mailbox.token(person.email), "new_password": NEW_PASSWORD}
    answer = client.post("/auth/password-reset/confirm", body).expect(204)
    assert answer.content == b""
    assert is_dead(person)
    assert is_dead(other)
    client.try_log_in(person.email, PASSWORD).expect(401)
    assert client.log_in(person.email, NEW_PASSWORD).is_in()
    client.post("/auth/password-reset/confirm", body).expect(400, "one_time_token_invalid")


@pytest.mark.parametrize("way", ["deactivate", "delete"])
def test_r24_restoring_never_revives_a_session(client: Api, admin: Person, way: str) -> None:
    person = client.sign_up()
    if way == "deactivate":
        admin.patch(f"/users/{person.id}", {"is_active": False}).expect(200)
    else:
        admin.delete(f"/users/{person.id}").expect(204)
    assert is_dead(person)
    client.try_log_in(person.email).expect(401, "invalid_credentials")
    if way == "deactivate":
        admin.patch(f"/users/{person.id}", {"is_active": True}).expect(200)
    else:
        admin.post(f"/users/{person.id}/restore").expect(200)
    assert is_dead(person)
    assert person.again().is_in()


def test_r25_roles_count_with_the_next_request(client: Api, admin: Person) -> None:
    person = client.sign_up()
    person.get("/users").expect(403)
    admin.grant(person.id, "admin", "user").expect(200)
    person.get("/users").expect(200)
    assert set(person.me()["roles"]) == {"admin", "user"}
    admin.grant(person.id, "user").expect(200)
    person.get("/users").expect(403)
    assert person.me()["roles"] == ["user"]


def test_r26_own_sessions(client: Api) -> None:
    person = client.sign_up()
    tablet = client.at("203.0.113.9").using("tablet/2.0").log_in(person.email)
    found = person.get("/auth/sessions").expect(200)
    devices = {session["user_agent"]: session for session in found.json["sessions"]}
    assert len(devices) == 2
    assert devices["tablet/2.0"]["address"] == "203.0.113.9"
    assert [name for name, one in devices.items() if one["is_current"]] == [person.agent]
    for secret in (person.refresh_token, tablet.refresh_token, person.token or ""):
        assert secret.rpartition(".")[2] not in found.content.decode()
    person.delete(f"/auth/sessions/{devices['tablet/2.0']['id']}").expect(204)
    assert is_dead(tablet)
    assert person.is_in()
    person.delete(f"/auth/sessions/{devices['tablet/2.0']['id']}").expect(404)
    third, fourth = person.again(), person.again()
    person.delete("/auth/sessions").expect(204)
    assert is_dead(third)
    assert is_dead(fourth)
    assert person.is_in()
    assert person.refreshed().is_in()


def test_r26_the_sessions_of_others(client: Api, admin: Person) -> None:
    person, other = client.sign_up(), client.sign_up()
    (theirs,) = other.get("/auth/sessions").expect(200).json["sessions"]
    known = person.delete(f"/auth/sessions/{theirs['id']}").expect(404, "session_not_found")
    unknown = person.delete(f"/auth/sessions/{uuid4()}").expect(404, "session_not_found")
    strip = {"instance"}
    assert {k: v for k, v in known.json.items() if k not in strip} == {
        k: v for k, v in unknown.json.items() if k not in strip
    }
    # Not even an administrator by this door: there is another one for that.
    admin.delete(f"/auth/sessions/{theirs['id']}").expect(404)
    assert other.is_in()
    person.get(f"/users/{other.id}/sessions").expect(403)
    person.delete(f"/users/{other.id}/sessions").expect(403)
    listed = admin.get(f"/users/{other.id}/sessions").expect(200).json["sessions"]
    assert [session["id"] for session in listed] == [theirs["id"]]
    admin.delete(f"/users/{other.id}/sessions").expect(204)
    assert is_dead(other)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_r27_without_the_database_nobody_is_let_in(
    client: Api, admin: Person, database_url: str
) -> None:
    assert admin.is_in()
    url = make_url(database_url)
    server = url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(
        server.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        allow = f'ALTER DATABASE "{url.database}" WITH ALLOW_CONNECTIONS'
        connection.execute(f"{allow} false")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(cut, [url.database])
        for answer in (
            admin.get("/users/me"),
            admin.get("/users"),
            admin.post("/auth/logout"),
            client.try_refresh(admin.refresh_token),
            client.try_log_in(admin.email, admin.password),
        ):
            answer.expect(503)
            assert answer.retry_after >= 1
            for driver_text in ("psycopg", "FATAL", "SELECT", url.database or "?"):
                assert driver_text not in answer.content.decode()
        assert client.request("GET", "/health").status == 200
        assert client.request("GET", "/ready").status == 503
        connection.execute(f"{allow} true")
    # After an attempt that failed nobody tries for a moment.
    limit = time.monotonic() + 5
    while not admin.is_in():
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert client.request("GET", "/ready").status == 200


def test_r28_nobody_chooses_a_session_id(client: Api) -> None:
    person = client.sign_up()
    chosen = str(uuid4())
    credentials = {"username": person.email, "password": PASSWORD}
    for name in ("sid", "session_id", "jti", "device_id", "id"):
        answer = client.post("/auth/login", {**credentials, name: chosen})
        assert answer.status in (200, 422), str(answer)
        assert chosen not in answer.content.decode()
    seen = set()
    for fields in (
        {"Cookie": f"session={chosen}; sid={chosen}; JSESSIONID={chosen}"},
        {"X-Session-ID": chosen, "X-Device-ID": chosen, "Session": chosen},
        {"Authorization": f"Bearer {person.token}"},
        {"X-Request-ID": chosen},
    ):
        answer = client.post("/auth/login", credentials, headers=fields).expect(200)
        for token in (answer.json["access_token"], answer.json["refresh_token"]):
            claims = forge.parts(token)[1]
            assert claims["sid"] != chosen
            assert claims.get("jti") != chosen
        seen.add(forge.parts(answer.json["refresh_token"])[1]["sid"])
        assert "Set-Cookie" not in answer.headers
    seen.add(forge.parts(person.refresh_token)[1]["sid"])
    assert len(seen) == 5
    assert person.is_in()
