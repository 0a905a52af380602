"""Rank: a role is shaped only by who holds all of it, at this moment."""

from typing import Any

import pytest
from sqlalchemy import delete, update

from gatehouse import roles
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Principal
from gatehouse.infra import db
from gatehouse.roles import service
from gatehouse.users.models import users
from gatehouse.web.denials import MissingPermission
from tests.audit.house import ORIGIN, House
from tests.roles.test_roles import AUDITOR, make

DOORS = [
    ("GET", "/permissions", None),
    ("GET", "/roles", None),
    ("POST", "/roles", AUDITOR),
    ("GET", "/roles/{id}", None),
    ("PATCH", "/roles/{id}", {"description": "mine"}),
    ("DELETE", "/roles/{id}", None),
]


def admins() -> frozenset[str]:
    """Return what admin holds, of the permissions that this house knows."""
    return roles.catalogue().intersection(roles.BUILT_IN["admin"][1])


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_the_doors_need_their_permission(
    house: House, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """R69, R71, R80: 401 for strangers, 403 without the right, alike for what is not there."""
    role = make(house)
    paths = {path.format(id=role["id"]), path.format(id=new_id())}
    for one in paths:
        assert house.ask(method, one, json=body).status_code == 401
        denied = house.ask(method, one, by=house.person("user", "admin"), json=body)
        assert (denied.status_code, denied.json["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path", "body"), [door for door in DOORS if door[0] != "GET"])
def test_changes_need_a_recent_log_in_of_a_person(
    house: House, method: str, path: str, body: dict[str, Any] | None
) -> None:
    boss, one = house.person("super_admin"), path.format(id=make(house, name="other")["id"])
    stale = house.ask(method, one, by=boss, json=body, age=601)
    assert (stale.status_code, stale.json["code"]) == (401, "insufficient_user_authentication")
    by_key = house.ask(method, one, json=body, Authorization=f"Bearer key-{boss}")
    assert (by_key.status_code, by_key.json["code"]) == (403, "api_key_not_allowed")


def test_nobody_makes_a_role_that_holds_more_than_they_do(house: House) -> None:
    """A role is created, changed and deleted within the actor's rights, before and after."""
    make(house, name="keeper", permissions=["roles:read", "roles:write", "users:read"])
    keeper = house.person("keeper")
    mine = {"name": "mine", "permissions": ["users:read"]}
    created = house.ask("POST", "/roles", by=keeper, json=mine)
    assert created.status_code == 201
    path = f"/roles/{created.json['id']}"
    greater = f"/roles/{make(house)['id']}"
    refused = [
        house.ask("POST", "/roles", by=keeper, json={**mine, "permissions": ["users:delete"]}),
        house.ask("PATCH", path, by=keeper, json={"permissions": ["users:delete"]}),
        house.ask("PATCH", greater, by=keeper, json={"permissions": []}),
        house.ask("PATCH", greater, by=keeper, json={"description": "mine"}),
        house.ask("DELETE", greater, by=keeper),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json["code"]) == (403, "target_outranks")
    assert house.ask("PATCH", path, by=keeper, json={"permissions": []}).status_code == 200
    assert house.ask("DELETE", path, by=keeper).status_code == 204


@pytest.mark.parametrize("what", ["role", "account"])
def test_rights_that_were_taken_meanwhile_are_gone(house: House, what: str) -> None:
    """R78: what the access check learned when the request began is read again in the unit."""
    boss = house.person("super_admin")
    with house.app.app_context():
        caller = Principal(
            user_id=boss,
            session_id=new_id(),
            roles=frozenset({"super_admin"}),
            permissions=roles.catalogue(),
            auth_time=None,  # type: ignore[arg-type]
            amr=(),
            user={},
        )
        with db.unit():
            if what == "role":
                roles.take(boss, "super_admin")
            else:
                db.session.execute(update(users).where(users.c.id == boss).values(is_active=False))
        with pytest.raises(MissingPermission), db.unit():
            service.create(AUDITOR, actor=caller, origin=ORIGIN)


def test_a_change_is_in_force_with_the_next_request(house: House) -> None:
    """R25: a permission that a role gains or loses counts at once for those who have it."""
    boss = house.person("super_admin")
    role = make(house, permissions=[])
    someone = house.person("auditor")
    for permissions, status in ((["roles:read"], 200), ([], 403)):
        body = {"permissions": permissions}
        changed = house.ask("PATCH", f"/roles/{role['id']}", by=boss, json=body)
        assert changed.status_code == 200
        assert house.ask("GET", "/roles", by=someone).status_code == status


def test_what_no_feature_knows_any_more_outranks_nobody(house: House) -> None:
    boss, role = house.person("super_admin"), make(house)
    with house.app.app_context(), db.unit():
        db.session.execute(
            update(roles.Role).values(permissions=["gone:read"]).where(roles.Role.name == "auditor")
        )
    path = f"/roles/{role['id']}"
    assert house.ask("GET", path, by=boss).json["permissions"] == []
    kept = house.ask("PATCH", path, by=boss, json={"permissions": ["gone:read", "users:read"]})
    assert kept.status_code == 200
    assert house.ask("DELETE", path, by=boss).status_code == 204


def test_the_front_door_tells_who_has_what(house: House) -> None:
    someone = house.person("user", "admin")
    with house.app.app_context():
        with db.unit():
            assert roles.names_of(someone) == ["admin", "user"]
            assert roles.permissions_of(someone) == admins()
            assert not roles.grant(someone, "admin", granted_by=None)
            assert roles.take(someone, "admin")
            assert not roles.take(someone, "admin")
            assert roles.permissions_of(someone) == frozenset()
            found = roles.by_names(["super_admin", "user", "nobody"])
            assert [role.name for role in found] == ["super_admin", "user"]
            assert roles.expand(found) == roles.catalogue()
            roles.lock_super_admins()
            roles.ensure_built_in()
        names = [role["name"] for role in roles.everything()]
    assert names == ["admin", "super_admin", "user"]


def test_built_in_roles_come_back_to_their_present_form(house: House) -> None:
    with house.app.app_context():
        with db.unit():
            db.session.execute(
                update(roles.Role).where(roles.Role.name == "admin").values(permissions=[])
            )
            db.session.execute(delete(roles.Role).where(roles.Role.name == "user"))
        for _ in range(2):
            with db.unit():
                roles.ensure_built_in()
        found = {role["name"]: role["permissions"] for role in roles.everything()}
        assert set(found["admin"]) == admins()
    assert set(found) == {"admin", "super_admin", "user"}
