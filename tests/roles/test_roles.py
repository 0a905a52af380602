"""/roles over HTTP: their life, their conditions and their ledger."""

from typing import Any

import pytest

from gatehouse.core.ids import new_id
from tests.audit.house import House

AUDITOR = {"name": "auditor", "description": "Reads.", "permissions": ["audit:read", "users:read"]}
OUT = {"id", "name", "description", "permissions", "is_built_in", "created_at", "updated_at"}


def make(house: House, **members: Any) -> dict[str, Any]:
    """Create a role as a super_admin."""
    answer = house.ask(
        "POST", "/roles", by=house.person("super_admin"), json={**AUDITOR, **members}
    )
    assert answer.status_code == 201, answer.json
    assert answer.json is not None
    return answer.json


def test_a_role_is_created_shown_changed_and_deleted(house: House) -> None:
    """R76: each step says who, what, and what it was before."""
    boss = house.person("super_admin")
    created = house.ask("POST", "/roles", by=boss, json=AUDITOR)
    assert created.status_code == 201
    role = created.json
    assert set(role) == OUT
    assert {name: role[name] for name in AUDITOR} == AUDITOR
    assert role["is_built_in"] is False
    location = created.headers["Location"].removeprefix("/api/v1")
    assert location == f"/roles/{role['id']}"

    shown = house.ask("GET", location, by=boss)
    assert (shown.json, shown.headers["ETag"]) == (role, created.headers["ETag"])

    changed = house.ask("PATCH", location, by=boss, json={"permissions": ["users:read"]})
    assert changed.status_code == 200
    assert changed.json["permissions"] == ["users:read"]
    assert changed.json["description"] == "Reads."
    assert changed.headers["ETag"] != created.headers["ETag"]

    assert house.ask("DELETE", location, by=boss).status_code == 204
    assert house.ask("GET", location, by=boss).status_code == 404

    events = [house.events(f"role.{what}") for what in ("created", "changed", "deleted")]
    for (event,) in events:
        assert (event["actor_id"], event["target"]) == (boss, role["id"])
        assert event["details"]["name"] == "auditor"
    assert events[1][0]["details"]["before"] == {"permissions": AUDITOR["permissions"]}
    assert events[1][0]["details"]["after"] == {"permissions": ["users:read"]}


def test_the_built_in_roles_are_there_and_stay(house: House) -> None:
    boss = house.person("super_admin")
    listed = house.ask("GET", "/roles", by=boss).json["roles"]
    assert [role["name"] for role in listed] == ["admin", "super_admin", "user"]
    known = house.ask("GET", "/permissions", by=boss).json["permissions"]
    names = [permission["name"] for permission in known]
    assert names == sorted(names)
    held = {role["name"]: role["permissions"] for role in listed}
    assert held["super_admin"] == names
    assert held["user"] == []
    assert held["admin"] == [
        "audit:read",
        "users:create",
        "users:delete",
        "users:read",
        "users:update",
    ]
    for role in listed:
        path = f"/roles/{role['id']}"
        for method, body in (("PATCH", {"description": "mine"}), ("DELETE", None)):
            answer = house.ask(method, path, by=boss, json=body)
            assert (answer.status_code, answer.json["code"]) == (409, "built_in_role")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Auditor"},
        {"name": "a"},
        {"name": "1st"},
        {"name": "a b"},
        {"name": "a" * 51},
        {"name": None},
        {"permissions": ["users:read", "no:such"]},
        {"permissions": "users:read"},
        {"permissions": [1]},
        {"permissions": ["users:read"] * 201},
        {"description": "x" * 201},
        {"is_built_in": True},
        {"id": str(new_id())},
    ],
)
def test_what_no_role_can_be_is_refused(house: House, wrong: dict[str, Any]) -> None:
    """R86: wrong types and unknown members are 422."""
    boss = house.person("super_admin")
    answer = house.ask("POST", "/roles", by=boss, json={**AUDITOR, **wrong})
    assert answer.status_code == 422
    role = make(house)
    patched = house.ask("PATCH", f"/roles/{role['id']}", by=boss, json=wrong)
    assert patched.status_code == 422


def test_an_unknown_permission_is_named(house: House) -> None:
    body = {**AUDITOR, "permissions": ["users:read", "no:such"]}
    answer = house.ask("POST", "/roles", by=house.person("super_admin"), json=body).json
    assert answer["code"] == "unknown_permission"
    assert list(answer["errors"]) == ["permissions.1"]


def test_a_name_is_taken_once(house: House) -> None:
    boss, role = house.person("super_admin"), make(house)
    again = house.ask("POST", "/roles", by=boss, json=AUDITOR)
    assert (again.status_code, again.json["code"]) == (409, "role_exists")
    renamed = house.ask("PATCH", f"/roles/{role['id']}", by=boss, json={"name": "admin"})
    assert (renamed.status_code, renamed.json["code"]) == (409, "role_exists")
    assert len(house.events("role.created")) == 1


def test_a_role_that_somebody_has_cannot_be_deleted(house: House) -> None:
    boss, role = house.person("super_admin"), make(house)
    house.person("auditor")
    answer = house.ask("DELETE", f"/roles/{role['id']}", by=boss)
    assert (answer.status_code, answer.json["code"]) == (409, "role_in_use")
    assert house.ask("GET", f"/roles/{role['id']}", by=boss).status_code == 200
    assert house.events("role.deleted") == []


def test_conditions_name_a_version(house: House) -> None:
    """C6: an old version is 412 and changes nothing; a known one is 304."""
    boss, role = house.person("super_admin"), make(house)
    path = f"/roles/{role['id']}"
    tag = house.ask("GET", path, by=boss).headers["ETag"]
    assert house.ask("GET", path, by=boss, If_None_Match=tag).status_code == 304
    body = {"description": "new"}
    assert house.ask("PATCH", path, by=boss, json=body, If_Match=tag).status_code == 200
    for method in ("PATCH", "DELETE"):
        sent = {"description": "old"} if method == "PATCH" else None
        late = house.ask(method, path, by=boss, json=sent, If_Match=tag)
        assert (late.status_code, late.json["code"]) == (412, "version_mismatch")
    assert house.ask("GET", path, by=boss).json["description"] == "new"


def test_a_patch_that_changes_nothing_is_no_change(house: House) -> None:
    boss, role = house.person("super_admin"), make(house)
    for body in ({}, AUDITOR):
        answer = house.ask("PATCH", f"/roles/{role['id']}", by=boss, json=body)
        assert (answer.status_code, answer.json) == (200, role)
    assert house.events("role.changed") == []


def test_the_list_goes_in_pages(house: House) -> None:
    boss = house.person("super_admin")
    for name in ("bb", "aa", "zz"):
        make(house, name=name)
    first = house.ask("GET", "/roles?per_page=4&total=true", by=boss).json
    assert [role["name"] for role in first["roles"]] == ["aa", "admin", "bb", "super_admin"]
    assert first["total"] == 6
    rest = house.ask("GET", f"/roles?per_page=4&cursor={first['next_cursor']}", by=boss).json
    assert [role["name"] for role in rest["roles"]] == ["user", "zz"]
    assert rest["next_cursor"] is None
