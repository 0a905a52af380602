"""One's own account: what it costs to see it, and what one may change."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from typing import Any

import pytest
from flask import Flask

from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.counting import Cost
from tests.users import records

Counted = Callable[[], AbstractContextManager[Cost]]


def test_costs_one_query_and_nothing_else(client: Api, counted: Counted) -> None:
    person = client.sign_up()
    person.me()
    with counted() as cost:
        person.me()
    assert cost.queries == 1
    assert (cost.commits, cost.redis_calls, cost.writer_checkouts) == (0, 0, 0)


def test_shows_what_sign_up_answered(client: Api) -> None:
    body = {"email": new_email(), "password": PASSWORD, "username": "jane-doe", "locale": "de-CH"}
    answer = client.post("/users", body)
    person = client.log_in(body["email"])
    assert person.me() == answer.json
    assert person.get(f"/users/{person.id}").json == answer.json


def test_changes_the_named_members_only(app: Flask, client: Api) -> None:
    person = client.sign_up(name="Jane", username="jane-doe")
    before = person.me()
    after = person.patch("/users/me", {"locale": "fr", "name": " Jané "}).expect(200).json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"locale", "name", "updated_at"}
    assert (after["locale"], after["name"]) == ("fr", "Jané")
    assert person.patch("/users/me", {"name": ""}).json["name"] is None
    first, _second = records.events(app, "user.changed")
    assert first.details == {"members": ["locale", "name"]}


def test_a_username_is_changed_and_found_by_its_new_spelling(client: Api) -> None:
    person, other = client.sign_up(username="jane-doe"), client.sign_up(username="john-doe")
    person.patch("/users/me", {"username": "JOHN-DOE"}).expect(409, "username_taken")
    person.patch("/users/me", {"username": "Jane.D"}).expect(200)
    client.try_log_in("jane.d").expect(200)
    client.try_log_in("jane-doe").expect(401)
    other.patch("/users/me", {"username": "jane-doe"}).expect(200)


@pytest.mark.parametrize("path", ["/users/me", "/users/{id}"])
def test_r75_nobody_promotes_themselves(client: Api, path: str) -> None:
    person = client.sign_up(username="jane-doe")
    before = person.me()
    for body in (
        {"is_superuser": True},
        {"isSuperuser": True},
        {"roles": ["admin"]},
        {"role": "admin"},
        {"id": "01890000-0000-7000-8000-000000000000"},
        {"is_verified": "true"},
        {"is_active": False},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"name": {"is_superuser": True}},
        {"user": {"is_superuser": True}},
    ):
        answer = person.patch(path.format(id=person.id), body)
        assert answer.status == 422, str(answer)
    assert person.me() == before


def test_r86_wrong_types_are_refused(client: Api) -> None:
    person = client.sign_up()
    members = ("name", "username", "locale", "email", "current_password")
    for member, wrong in product(members, (None, 1, False, 2.5, [], {}, ["x"])):
        answer = person.patch("/users/me", {member: wrong}).expect(422)
        assert list(answer.json["errors"]) == [member]


def test_conditional_requests(client: Api) -> None:
    person = client.sign_up()
    answer = person.get("/users/me")
    tag = answer.headers["ETag"]
    for path in ("/users/me", f"/users/{person.id}"):
        again = person.get(path, headers={"If-None-Match": tag})
        assert (again.status, again.content, again.headers["ETag"]) == (304, b"", tag)
    person.again()
    assert person.get("/users/me").headers["ETag"] == tag, "a log-in does not raise it"
    changed = person.patch("/users/me", {"name": "Jane"}, headers={"If-Match": tag}).expect(200)
    assert changed.headers["ETag"] != tag
    for headers in ({"If-Match": tag}, {"If-Match": '"v999"'}, {"If-Match": "W/" + tag}):
        person.patch("/users/me", {"name": "John"}, headers=headers).expect(412, "version_mismatch")
        person.delete("/users/me", headers=headers).expect(412, "version_mismatch")
    assert person.me() == changed.json
    now = changed.headers["ETag"]
    several = {"If-Match": f'"v998", W/{now}'}
    person.patch("/users/me", {"name": "John"}, headers=several).expect(412, "version_mismatch")
    several = {"If-Match": f'"v998", {now}'}
    person.patch("/users/me", {"name": "John"}, headers=several).expect(200)
    person.patch("/users/me", {"name": "John"}, headers={"If-Match": "*"}).expect(200)


def test_deleting_oneself_needs_a_fresh_log_in(app: Flask, client: Api, clock: Clock) -> None:
    person = client.sign_up()
    other = person.again()
    clock.forward(minutes=11)
    for path in ("/users/me", f"/users/{person.id}"):
        answer = person.delete(path).expect(401, "insufficient_user_authentication")
        assert 'max_age="600"' in answer.headers["WWW-Authenticate"]
    fresh = person.again()
    fresh.delete("/users/me").expect(204)
    for token in (person, other, fresh):
        assert not token.is_in()
        client.try_refresh(token.refresh_token).expect(401)
    client.try_log_in(person.email).expect(401)
    [event] = records.events(app, "user.deleted")
    assert str(event.actor_id) == str(event.subject_id) == person.id


def test_r72_r73_r81_another_account_is_closed(client: Api) -> None:
    mine, theirs = client.sign_up(), client.sign_up()
    absent = "01890000-0000-7000-8000-000000000000"
    identity = {"X-User-Id": theirs.id, "X-Forwarded-User": theirs.id}
    bodies: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("POST", "/unlock", None),
        ("POST", "/password-reset", None),
        ("GET", "/sessions", None),
        ("DELETE", "/sessions", None),
        ("PUT", "/roles", {"roles": ["user"]}),
    ]
    for method, path, body in bodies:
        codes = []
        for user_id in (theirs.id, absent):
            url = f"/api/v1/users/{user_id}{path}"
            mine.stranger.request(method, url, json=body, headers=identity).expect(401)
            answer = mine.request(method, url, json=body, headers=identity).expect(403)
            assert theirs.email.encode() not in answer.content
            codes.append(answer.code)
        assert codes == ["insufficient_scope"] * 2, "R69: alike for existing and not"
    mine.get("/users").expect(403, "insufficient_scope")
    assert theirs.me()["name"] is None


def test_r90_odd_ids_are_not_found(admin: Person) -> None:
    for odd in ("0", str(2**63), "..%2fme", "%00", "🔑", "ME", "me%00", "me;x", "-1"):
        assert admin.get(f"/users/{odd}").status in (400, 404), odd
