"""Retrying safely (R98): one effect, one answer, and to nobody else."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from gatehouse.infra import db, idempotency
from gatehouse.infra import secrets as infra_secrets
from gatehouse.web.idempotency import CLAIMED_FOR, MOST_MISMATCHES
from gatehouse.web.locks import lock_of
from tests.conftest import MakeApp
from tests.support import stored
from tests.support.answers import Answer, InProcess
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.clocks import Clock
from tests.users import records

ROUTES = ("/notifications", "/roles", "/users")


def keyed(key: str | None = None) -> dict[str, Any]:
    """Return the arguments of a request with a key, by default a new one."""
    return {"headers": {"Idempotency-Key": key or str(uuid4())}}


def sign_up(**members: Any) -> dict[str, Any]:
    """Return the body of a sign-up."""
    return {"email": new_email(), "password": PASSWORD, **members}


def told(answer: Answer) -> tuple[Any, ...]:
    """Return all of an answer but what belongs to the one request."""
    names = ("Content-Type", "ETag", "Location", "Cache-Control", "Content-Length")
    return answer.status, answer.content, [answer.headers.get(name) for name in names]


def test_r98_a_sign_up_that_comes_again_is_answered_again(app: Flask, client: Api) -> None:
    body, key = sign_up(username=new_username()), keyed()
    first = client.post("/users", body, **key).expect(201)
    again = client.at().post("/users", body, **key).expect(201)
    assert told(again) == told(first)
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert len(records.events(app, "user.registered")) == 1
    assert len(records.mails(app, "verify_email")) == 1
    assert client.log_in(body["email"]).id == first.json["id"]
    client.post("/users", body).expect(409, "email_taken")


def test_r98_the_order_and_spacing_of_members_do_not_matter(client: Api) -> None:
    body, key = sign_up(), str(uuid4())
    first = client.post("/users", body, **keyed(key)).expect(201)
    text = f'{{ "password": "{PASSWORD}",\n "email": "{body["email"]}" }}'.encode()
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    again = client.request("POST", "/api/v1/users", body=text, headers=headers)
    assert told(again) == told(first)


@pytest.mark.parametrize("member", ["password", "email", "name"])
def test_r98_another_body_is_refused(client: Api, member: str) -> None:
    body, key = sign_up(name="A Name"), keyed()
    first = client.post("/users", body, **key).expect(201)
    other = body | {member: new_email()}
    client.post("/users", other, **key).expect(422, "idempotency_key_reused")
    assert told(client.post("/users", body, **key)) == told(first)


def test_r98_a_key_belongs_to_its_person(client: Api, admin: Person) -> None:
    """The same key of somebody else, of a stranger too, is another one."""
    key, body = keyed(), sign_up()
    first = admin.post("/users", body, **key).expect(201)
    assert first.json["created_by"] == admin.id
    client.post("/users", body, **key).expect(409, "email_taken")
    other = client.sign_up()
    other.post("/users", body, **key).expect(409, "email_taken")
    second = client.post("/users", sign_up(), **key).expect(201)
    assert second.json["created_by"] is None
    assert told(admin.again().post("/users", body, **key)) == told(first)


def test_r98_one_key_is_for_one_route(admin: Person) -> None:
    key = keyed()
    admin.post("/users", sign_up(), **key).expect(201)
    role = {"name": new_username(), "description": "", "permissions": []}
    admin.post("/roles", role, **key).expect(422, "idempotency_key_reused")


def test_r98_a_role_is_made_once(app: Flask, admin: Person) -> None:
    role = {"name": new_username(), "description": "Of tests", "permissions": ["users:read"]}
    key = keyed()
    first = admin.post("/roles", role, **key).expect(201)
    assert told(admin.post("/roles", role, **key)) == told(first)
    assert len(records.events(app, "role.created")) == 1
    admin.post("/roles", role).expect(409, "role_exists")


def test_r98_strict_mode_answers_again(make_app: MakeApp) -> None:
    app = make_app(REGISTRATION_ENUMERATION="hide")
    client, body, key = Api(InProcess(app)), sign_up(), keyed()
    first = client.post("/users", body, **key).expect(202)
    assert told(client.post("/users", body, **key)) == told(first)
    assert len(records.mails(app)) == 1


def test_r98_a_stored_answer_is_no_place_to_guess_passwords(client: Api, clock: Clock) -> None:
    """Whoever knows the key of a sign-up has ten tries, from however many addresses."""
    body, key = sign_up(), keyed()
    client.post("/users", body, **key).expect(201)
    for number in range(MOST_MISMATCHES):
        guess = body | {"password": f"a guess of somebody {number}"}
        client.at().post("/users", guess, **key).expect(422, "idempotency_key_reused")
    client.at().post("/users", body, **key).expect(422, "idempotency_key_reused")
    clock.forward(hours=25)
    client.at().post("/users", body, **key).expect(409, "email_taken")


def test_r98_refusals_are_judged_anew(app: Flask, client: Api, admin: Person) -> None:
    """Nothing was done, so nothing is stored, and the key is free for the corrected request."""
    taken, key = client.sign_up(), keyed()
    body = sign_up(email=taken.email)
    for _ in range(2):
        client.post("/users", body, **key).expect(409, "email_taken")
    client.post("/users", {"email": new_email(), "password": "short"}, **key).expect(422)
    assert rows(app) == []
    admin.post(f"/users/{taken.id}/erase").expect(204)
    client.post("/users", body, **key).expect(201)


def test_r98_401_and_429_are_not_stored(make_app: MakeApp) -> None:
    app = make_app(LIMITS="sign_up=2/minute")
    client, body, key = Api(InProcess(app)), sign_up(), keyed()
    client.bearing("a.b.c").post("/users", body, **key).expect(401)
    for _ in range(2):
        client.post("/users", {}, **key).expect(422)
    client.post("/users", body, **key).expect(429)
    assert rows(app) == []
    client.at().post("/users", body, **key).expect(201)


def test_r98_rights_are_checked_before_a_stored_answer_is_given(
    app: Flask, client: Api, admin: Person, clock: Clock
) -> None:
    boss = records.with_roles(app, client, "admin")
    body, key = sign_up(), keyed()
    first = boss.post("/users", body, **key).expect(201)
    admin.grant(boss.id, "user").expect(200)
    boss.post("/users", body, **key).expect(403, "answer_withheld")
    admin.grant(boss.id, "user", "admin").expect(200)
    assert told(boss.post("/users", body, **key)) == told(first)
    admin.patch(f"/users/{boss.id}", {"is_active": False}).expect(200)
    boss.post("/users", body, **key).expect(401)

    role, key = {"name": new_username(), "description": "", "permissions": []}, keyed()
    admin.post("/roles", role, **key).expect(201)
    clock.forward(minutes=11)
    admin.post("/roles", role, **key).expect(401, "insufficient_user_authentication")
    made = admin.again().post("/roles", role, **key).expect(201)
    assert made.json["name"] == role["name"]


def test_r98_a_request_without_an_answer_yet_is_in_progress(
    app: Flask, client: Api, clock: Clock
) -> None:
    """F9: and when its process died, the next one takes over after a while."""
    body, key = sign_up(), keyed()
    client.post("/users", body, **key).expect(201)
    change(app, status=None)
    refused = client.post("/users", body, **key).expect(409, "request_in_progress")
    assert refused.retry_after == 1
    client.post("/users", sign_up(), **key).expect(422, "idempotency_key_reused")
    clock.forward(seconds=CLAIMED_FOR.total_seconds() + 1)
    client.post("/users", body, **key).expect(409, "email_taken")
    client.post("/users", sign_up(), **key).expect(201)


def test_r98_a_claim_that_ran_out_leaves_no_second_effect(
    app: Flask, client: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow one finds that another request has taken its place, and rolls back."""
    body, key = sign_up(), keyed()
    answer = idempotency.answer

    def meanwhile(digest: str, *args: Any) -> bool:
        monkeypatch.undo()
        later = text("UPDATE idempotency_keys SET claimed_until = :at")
        db.session.execute(later, {"at": "2099-01-01 00:00:00.000000+00:00"})
        return answer(digest, *args)

    monkeypatch.setattr(idempotency, "answer", meanwhile)
    client.post("/users", body, **key).expect(409, "request_in_progress")
    client.try_log_in(body["email"]).expect(401)
    client.post("/users", body, **key).expect(201)


def test_r98_a_key_is_good_for_a_day(app: Flask, client: Api, clock: Clock) -> None:
    body, key = sign_up(), keyed()
    client.post("/users", body, **key).expect(201)
    clock.forward(hours=23, minutes=59)
    client.post("/users", body, **key).expect(201)
    with app.app_context():
        idempotency.purge()
    assert len(rows(app)) == 1
    clock.forward(minutes=2)
    # Also where housekeeping has not come by yet.
    client.post("/users", sign_up(), **key).expect(201)
    clock.forward(days=2)
    with app.app_context():
        idempotency.purge()
    assert rows(app) == []


def test_r98_the_key_of_secrets_may_change(make_app: MakeApp) -> None:
    body, key = sign_up(), keyed()
    first = Api(InProcess(make_app())).post("/users", body, **key).expect(201)
    rotated = make_app(
        SECRET_KEY="b1946ac92492d2347c6235b4d2611184" * 2,
        SECRET_KEY_PREVIOUS="40612003e6ad75d8b6ad505f20cfab1742cc144c37dd13aa834dda72727be893",
    )
    client = Api(InProcess(rotated))
    assert told(client.post("/users", body, **key)) == told(first)
    client.post("/users", sign_up(), **key).expect(422, "idempotency_key_reused")


def test_r98_what_is_stored_holds_no_password_and_no_key(app: Flask, client: Api) -> None:
    key = "a key that says a lot"
    client.post("/users", sign_up(), **keyed("key-of-Ada")).expect(201)
    (row,) = rows(app)
    assert PASSWORD not in str(row)
    assert key not in str(row)
    with app.app_context():
        known = [infra_secrets.mac(one, PASSWORD) for one in infra_secrets.Purpose]
    assert row["fingerprint"] not in known


@pytest.mark.parametrize("who", ["caller", "subject", "stranger"])
def test_erasing_a_person_takes_stored_answers_along(
    app: Flask, client: Api, admin: Person, who: str
) -> None:
    boss = records.with_roles(app, client, "admin")
    caller = client if who == "stranger" else boss
    made = caller.post("/users", sign_up(name="Erasmus"), **keyed()).expect(201).json
    assert "Erasmus" in str(rows(app))
    admin.post(f"/users/{boss.id if who == 'caller' else made['id']}/erase").expect(204)
    assert rows(app) == []


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "tab\there"])
def test_a_key_is_visible_ascii(client: Api, key: str) -> None:
    headers = {"headers": {"Idempotency-Key": key}}
    client.post("/users", sign_up(), **headers).expect(400, "invalid_idempotency_key")
    client.post("/users", sign_up(), **keyed("x" * 255)).expect(201)


def test_where_the_answer_holds_a_secret_no_key_is_taken(client: Api) -> None:
    person = client.sign_up()
    login = {"username": person.email, "password": PASSWORD}
    grant = login | {"grant_type": "password"}
    picture = {"content_type": "image/png", "size": 68}
    refresh = {"refresh_token": person.refresh_token}
    for answer in (
        client.post("/auth/login", login, **keyed()),
        client.post("/auth/token", form=grant, **keyed()),
        client.post("/auth/refresh", refresh, **keyed()),
        person.post("/auth/reauthenticate", {"password": PASSWORD}, **keyed()),
        person.post("/users/me/avatar", picture, **keyed()),
        person.post("/auth/ws-ticket", {"client_id": "c1"}, **keyed()),
    ):
        answer.expect(400, "idempotency_not_supported")
    # The refresh token was not spent.
    person.stranger.try_refresh(person.refresh_token).expect(200)


def test_elsewhere_a_key_is_ignored(app: Flask, client: Api) -> None:
    person = client.sign_up()
    for _ in range(2):
        person.patch("/users/me", {"name": "A Name"}, **keyed("same")).expect(200)
        person.post("/auth/verify-email/resend", {"email": person.email}, **keyed("same"))
    assert rows(app) == []


def test_the_description_names_the_header_where_it_counts(client: Api) -> None:
    document = client.request("GET", "/openapi.json").json
    keyed_operations, refused = set(), set()
    for path, item in document["paths"].items():
        for operation in item.values():
            if not isinstance(operation, dict):
                continue
            names = {one.get("name") for one in operation.get("parameters", ())}
            if "Idempotency-Key" in names:
                keyed_operations.add(path.removeprefix("/api/v1"))
            if "idempotencynotsupported" in str(operation).lower().replace("_", ""):
                refused.add(path.removeprefix("/api/v1"))
    assert keyed_operations == {path for path in ROUTES if f"/api/v1{path}" in document["paths"]}
    assert refused >= {"/auth/login", "/auth/token", "/auth/refresh", "/users/me/avatar"}


def test_no_idempotent_answer_holds_a_secret(app: Flask) -> None:
    """And whatever gives a token, a ticket or the like says that it does."""
    for view in app.view_functions.values():
        assert not (getattr(view, "_is_idempotent", False) and getattr(view, "_has_secret", False))
        told = getattr(view, "_apidoc", {}).get("response", {}).get("responses", {})
        for [answer] in told.values():
            fields = getattr(answer.get("schema"), "_declared_fields", {})
            secret = {"token", "secret", "ticket", "codes", "url"}
            if any(name.split("_")[-1] in secret for name in fields if name != "avatar_url"):
                assert getattr(view, "_has_secret", False), (view.__name__, lock_of(view))


def rows(app: Flask) -> list[dict[str, Any]]:
    """Return the stored keys."""
    return stored.tables(app)["idempotency_keys"]


def change(app: Flask, **columns: Any) -> None:
    """Write into all stored keys behind the service's back."""
    with app.app_context(), db.unit():
        db.session.execute(idempotency.keys.update().values(**columns))
