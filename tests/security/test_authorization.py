"""Who may do what to whom (R71 to R78)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gatehouse.web.access import Kind
from tests.support import doors, stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.hostile import refused

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"
SPOOFS = ("X-User-Id", "X-User", "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-User")
ROLES = ("X-Role", "X-Roles", "X-Is-Admin", "X-Permissions", "X-Scope", "X-Forwarded-Groups")


def spoofed(admin: Person) -> dict[str, str]:
    """Return headers with which a careless proxy or framework could be made to err."""
    headers = dict.fromkeys(SPOOFS, admin.id) | dict.fromkeys(ROLES, "super_admin")
    paths = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri")
    return headers | dict.fromkeys(paths, "/health") | {"X-Forwarded-For": "127.0.0.1"}


def test_r71_ordinary_people_do_not_administer(app: Flask, client: Api, admin: Person) -> None:
    person, other = client.sign_up(), client.sign_up()
    before = stored.account(app, other.id), stored.tables(app)["roles"]
    found = [door for door in doors.doors(app) if door.lock.kind is Kind.PERMISSION]
    assert len(found) >= 13
    for door in found:
        for value in (other.id, admin.id, person.id, UNKNOWN):
            for headers in ({}, spoofed(admin)):
                answer = person.request(door.method, door.path(value), json={}, headers=headers)
                answer.expect(403, "insufficient_scope")
                challenge = answer.headers["WWW-Authenticate"]
                assert 'error="insufficient_scope"' in challenge
                assert str(door.lock.permission) in challenge
    assert (stored.account(app, other.id), stored.tables(app)["roles"]) == before


def test_r71_headers_make_nobody_of_a_stranger(client: Api, admin: Person) -> None:
    for path in ("/users", "/users/me", f"/users/{admin.id}", "/audit-events", "/roles"):
        client.get(path, headers=spoofed(admin)).expect(401, "unauthenticated")


def test_r72_nobody_reads_another_user(client: Api, admin: Person) -> None:
    person = client.sign_up()
    other = client.sign_up(username=new_username(), name="Other Name")
    other_me = other.me()
    for value in (other.id, other.id.upper(), UNKNOWN):
        for path in (f"/users/{value}", f"/users/{value}/sessions"):
            answer = person.get(path)
            assert answer.status in (403, 404)
            content = answer.content.decode()
            for name in ("email", "username", "name", "created_at"):
                assert other_me[name] not in content
    for query in (f"subject_id={other.id}", f"actor_id={other.id}", f"actor_id={admin.id}"):
        # Their own denials are all there is to see.
        events = person.get(f"/audit-events?{query}").json["events"]
        assert all(event["actor_id"] == person.id for event in events)
    other.delete("/users/me").expect(204)
    person.get(f"/users/{other.id}").expect(403)


def acts_on(actor: Api, user_id: str) -> list[Answer]:
    """Try everything that changes or ends an account."""
    path = f"/users/{user_id}"
    return [
        actor.patch(path, {"name": "Changed"}),
        actor.patch(path, {"is_active": False}),
        actor.patch(path, {"email": new_email()}),
        actor.patch(path, {"username": new_username(), "locale": "fr"}),
        actor.put(f"{path}/roles", {"roles": []}),
        actor.put(f"{path}/roles", {"roles": ["user", "super_admin"]}),
        actor.post(f"{path}/unlock"),
        actor.post(f"{path}/password-reset"),
        actor.post(f"{path}/restore"),
        actor.delete(f"{path}/sessions"),
        actor.delete(path),
    ]


def test_r73_nobody_changes_another_user(app: Flask, client: Api) -> None:
    person, other = client.sign_up(), client.sign_up()
    before = stored.account(app, other.id)
    for answer in acts_on(person, other.id):
        assert refused(answer).status in (403, 422), str(answer)
    assert stored.account(app, other.id) == before
    assert other.is_in()
    assert other.me()["roles"] == ["user"]


def test_r73_nobody_touches_who_holds_more(app: Flask, client: Api, admin: Person) -> None:
    helper = client.sign_up()
    admin.grant(helper.id, "user", "admin").expect(200)
    before = stored.account(app, admin.id)
    for answer in acts_on(helper, admin.id):
        answer.expect(403)
        assert answer.code in ("target_outranks", "insufficient_scope")
    assert stored.account(app, admin.id) == before
    assert admin.is_in()
    assert admin.me()["roles"] == ["super_admin"]
    # What a helper may not give away by a role of their own making, either.
    helper.post("/users", {"email": new_email(), "password": PASSWORD, "roles": ["super_admin"]})
    assert [one["is_superuser"] for one in admin.get("/users").json["users"]].count(True) == 1


PRIVILEGES: list[dict[str, Any]] = [
    {"is_superuser": True},
    {"is_superuser": "true"},
    {"isSuperuser": True},
    {"is_admin": True},
    {"role": "super_admin"},
    {"roles": ["super_admin"]},
    {"roles": "super_admin"},
    {"roles": []},
    {"Roles": ["admin"]},
    {"permissions": ["users:read"]},
    {"scope": "users:read"},
    {"is_verified": True},
    {"isVerified": True},
    {"is_active": True},
    {"is_active": "true"},
    {"id": UNKNOWN},
    {"_id": UNKNOWN},
    {"user_id": UNKNOWN},
    {"sub": UNKNOWN},
    {"created_at": "2001-01-01T00:00:00Z"},
    {"createdAt": "2001-01-01T00:00:00Z"},
    {"updated_at": "2001-01-01T00:00:00Z"},
    {"deleted_at": None},
    {"created_by": UNKNOWN},
    {"pending_email": "mine@example.com"},
    {"password_hash": "$2b$04$abcdefghijklmnopqrstuv"},
    {"hashed_password": "x"},
    {"password_changed_at": "2001-01-01T00:00:00Z"},
    {"must_change_password": False},
    {"session_epoch": 0},
    {"version": 0},
    {"avatar": "../../etc/passwd"},
    {"avatar_url": "https://evil.example/a.png"},
    {"user": {"is_superuser": True}},
    {"attributes": {"roles": ["super_admin"]}},
    {"__proto__": {"is_superuser": True}},
    {"constructor": {"prototype": {"is_superuser": True}}},
    {"__class__": "Admin"},
    {"email.is_superuser": True},
    {"roles[]": "super_admin"},
    {"roles.0": "super_admin"},
    {"$set": {"is_superuser": True}},
]


def test_r74_nobody_signs_up_as_more_than_a_user(client: Api, admin: Person) -> None:
    wanted = [{"email": f"r74-{number}@example.com"} for number in range(len(PRIVILEGES))]
    for body, more in zip(wanted, PRIVILEGES, strict=True):
        answer = client.at().post("/users", body | {"password": PASSWORD} | more)
        answer.expect(422, "validation_failed")
        assert set(answer.json["errors"]) <= {*more, "roles.0"}, str(answer)
    assert len(admin.get("/users").json["users"]) == 1
    me = client.sign_up().me()
    assert (me["roles"], me["is_superuser"], me["is_verified"]) == (["user"], False, False)


@pytest.mark.parametrize("by", ["me", "id"])
def test_r75_nobody_promotes_themselves(app: Flask, client: Api, by: str) -> None:
    person = client.sign_up()
    before = stored.account(app, person.id)
    path = "/users/me" if by == "me" else f"/users/{person.id}"
    for more in PRIVILEGES:
        for body in (more, {"name": "Zoë", **more}, {"name": more}, [more]):
            person.patch(path, body).expect(422, "validation_failed")
    for method in ("PUT", "POST"):
        person.request(method, f"/api/v1{path}", json={"is_superuser": True}).expect(405)
    person.put(f"/users/{person.id}/roles", {"roles": ["super_admin"]}).expect(403)
    person.put("/users/me/roles", {"roles": ["super_admin"]}).expect(404)
    assert stored.account(app, person.id) == before
    assert person.me()["roles"] == ["user"]


Act = Callable[[Person, str], Answer]
ACTS: list[tuple[str, Act]] = [
    ("user.changed", lambda admin, who: admin.patch(f"/users/{who}", {"name": "Named"})),
    ("email.change_requested", lambda a, who: a.patch(f"/users/{who}", {"email": new_email()})),
    ("user.deactivated", lambda a, who: a.patch(f"/users/{who}", {"is_active": False})),
    ("user.activated", lambda admin, who: admin.patch(f"/users/{who}", {"is_active": True})),
    ("roles.changed", lambda admin, who: admin.grant(who, "user", "admin")),
    ("user.unlocked", lambda admin, who: admin.post(f"/users/{who}/unlock")),
    ("password.reset_requested", lambda admin, who: admin.post(f"/users/{who}/password-reset")),
    ("session.all_ended", lambda admin, who: admin.delete(f"/users/{who}/sessions")),
    ("user.deleted", lambda admin, who: admin.delete(f"/users/{who}")),
    ("user.restored", lambda admin, who: admin.post(f"/users/{who}/restore")),
]


def test_r76_what_administrators_do_is_on_record(admin: Person) -> None:
    body = {"email": new_email(), "password": PASSWORD}
    created = admin.post("/users", body).expect(201)
    who = created.json["id"]
    for event, act in [("user.created", lambda *_: created), *ACTS]:
        answer = act(admin, who)
        assert 200 <= answer.status < 300, str(answer)
        last = admin.get("/audit-events?limit=1").json["events"][0]
        assert (last["type"], last["actor_id"], last["subject_id"]) == (event, admin.id, who)
        assert last["address"] == admin.address
        assert last["request_id"] == answer.headers["X-Request-ID"]
        assert body["email"] not in str(last["details"])
    granted = admin.get("/audit-events?type=roles.changed").json["events"][0]
    assert granted["details"] == {"granted": ["admin"], "taken": []}


def test_r76_shaping_roles_is_on_record(admin: Person) -> None:
    role = admin.post("/roles", {"name": "auditor", "permissions": ["audit:read"]}).expect(201)
    path = f"/roles/{role.json['id']}"
    admin.patch(path, {"permissions": ["audit:read", "users:read"]}).expect(200)
    admin.delete(path).expect(204)
    found = admin.get("/audit-events?limit=3").json["events"]
    assert [one["type"] for one in found] == ["role.deleted", "role.changed", "role.created"]
    for one in found:
        assert (one["actor_id"], one["target"]) == (admin.id, role.json["id"])
        assert one["details"]["name"] == "auditor"
    assert found[1]["details"]["after"] == {"permissions": ["audit:read", "users:read"]}


def test_r76_denials_are_on_record(client: Api, admin: Person) -> None:
    person = client.sign_up()
    person.delete(f"/users/{admin.id}").expect(403)
    (denial,) = admin.get(f"/audit-events?type=access.denied&actor_id={person.id}").json["events"]
    assert denial["subject_id"] == admin.id
    assert denial["target"] == "DELETE /api/v1/users/<uuid:user_id>"


LAST: dict[str, Callable[[Person], Answer]] = {
    "demote": lambda one: one.grant(one.id, "user", "admin"),
    "demote to nothing": lambda one: one.grant(one.id),
    "deactivate": lambda one: one.patch(f"/users/{one.id}", {"is_active": False}),
    "delete by id": lambda one: one.delete(f"/users/{one.id}"),
    "delete": lambda one: one.delete("/users/me"),
}


@pytest.mark.parametrize("way", LAST)
def test_r77_the_last_super_admin_stays(app: Flask, client: Api, admin: Person, way: str) -> None:
    # Others who hold the role and cannot act do not count.
    for end in ({"is_active": False}, None):
        other = client.sign_up()
        admin.grant(other.id, "user", "super_admin").expect(200)
        path = f"/users/{other.id}"
        assert (admin.patch(path, end) if end else admin.delete(path)).status in (200, 204)
    before = stored.account(app, admin.id)
    LAST[way](admin).expect(409, "last_super_admin")
    assert stored.account(app, admin.id) == before
    assert admin.me()["is_superuser"] is True
    # With another one it may be done, and then that one is the last.
    heir = client.sign_up()
    admin.grant(heir.id, "super_admin").expect(200)
    assert LAST[way](admin).status in (200, 204)
    LAST[way](heir).expect(409, "last_super_admin")


def test_r77_the_role_itself_cannot_be_emptied_or_removed(admin: Person) -> None:
    (role,) = (one for one in admin.get("/roles").json["roles"] if one["name"] == "super_admin")
    for answer in (
        admin.patch(f"/roles/{role['id']}", {"permissions": []}),
        admin.patch(f"/roles/{role['id']}", {"name": "nobody"}),
        admin.delete(f"/roles/{role['id']}"),
    ):
        answer.expect(409, "built_in_role")
    assert admin.me()["is_superuser"] is True


ENDS: dict[str, tuple[Callable[[Person, Person], Answer], int]] = {
    "deactivated": (lambda a, one: a.patch(f"/users/{one.id}", {"is_active": False}), 401),
    "deleted": (lambda a, one: a.delete(f"/users/{one.id}"), 401),
    "sessions ended": (lambda a, one: a.delete(f"/users/{one.id}/sessions"), 401),
    "demoted": (lambda a, one: a.grant(one.id, "user"), 403),
}


@pytest.mark.parametrize("way", ENDS)
def test_r78_a_former_administrator_is_out_at_once(
    app: Flask, client: Api, admin: Person, way: str
) -> None:
    former, victim = client.sign_up(), client.sign_up()
    admin.grant(former.id, "super_admin").expect(200)
    former.get("/users").expect(200)
    end, expected = ENDS[way]
    assert end(admin, former).status in (200, 204)
    before = stored.account(app, victim.id)
    for door in doors.doors(app):
        if door.lock.kind is Kind.PERMISSION:
            former.request(door.method, door.path(victim.id), json={}).expect(expected)
    assert stored.account(app, victim.id) == before
    if expected == 401:
        former.stranger.try_refresh(former.refresh_token).expect(401)
