"""Races about roles: one wins, the others are told."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from werkzeug.test import TestResponse

from tests.audit.house import House
from tests.roles.test_roles import AUDITOR, make

WIDTH = 10


def at_once(act: Callable[[int], TestResponse]) -> list[TestResponse]:
    """Do the same at one moment, WIDTH times."""
    barrier = Barrier(WIDTH)

    def wait_and_act(number: int) -> TestResponse:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(WIDTH) as pool:
        return list(pool.map(wait_and_act, range(WIDTH)))


def test_one_name_is_given_once(house: House) -> None:
    boss = house.person("super_admin")
    answers = at_once(lambda _: house.ask("POST", "/roles", by=boss, json=AUDITOR))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: WIDTH - 1}
    assert len(house.events("role.created")) == 1


def test_of_many_patches_of_one_version_one_wins(house: House) -> None:
    """C6: one 200, the others 412, and the stored value is the winner's."""
    boss, path = house.person("super_admin"), f"/roles/{make(house)['id']}"
    tag = house.ask("GET", path, by=boss).headers["ETag"]
    answers = at_once(
        lambda number: house.ask(
            "PATCH", path, by=boss, json={"description": f"by {number}"}, If_Match=tag
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: WIDTH - 1}
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert house.ask("GET", path, by=boss).json == winner.json


def test_changes_of_different_members_are_not_lost(house: House) -> None:
    """C7: without If-Match every acknowledged change stays."""
    boss, path = house.person("super_admin"), f"/roles/{make(house)['id']}"
    bodies = [{"description": "new"}, {"name": "renamed"}, {"permissions": ["users:read"]}]
    answers = at_once(lambda n: house.ask("PATCH", path, by=boss, json=bodies[n % 3]))
    assert {answer.status_code for answer in answers} == {200}
    role = house.ask("GET", path, by=boss).json
    for body in bodies:
        assert role.items() >= body.items()
