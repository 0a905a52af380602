"""Denials: every 403 to somebody known is in the ledger, counted."""

from gatehouse.core.ids import new_id
from tests.audit.house import House


def test_a_denial_is_a_fact(house: House) -> None:
    """R112: who was denied what, and why."""
    me = house.person("user")
    assert house.ask("GET", "/roles", by=me).status_code == 403
    (event,) = house.events("access.denied")
    assert event["actor_id"] == me
    assert event["target"] == "GET /api/v1/roles"
    assert event["details"] == {"code": "insufficient_scope"}
    assert event["occurrences"] == 1


def test_a_walk_through_all_ids_is_one_row(house: House) -> None:
    me = house.person("user")
    for _ in range(5):
        assert house.ask("GET", f"/roles/{new_id()}", by=me).status_code == 403
    (event,) = house.events("access.denied")
    assert event["target"] == "GET /api/v1/roles/<uuid:role_id>"
    assert event["occurrences"] == 5


def test_what_is_not_denied_to_somebody_known_is_no_fact(house: House) -> None:
    assert house.ask("GET", "/roles").status_code == 401
    assert house.ask("GET", "/roles", by=house.person("super_admin")).status_code == 200
    assert house.events("access.denied") == []
