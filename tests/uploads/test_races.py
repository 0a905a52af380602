"""Confirmations that race each other, a removal and an erasure, on one process and on two."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support import race
from tests.support.live import Live
from tests.support.uploads import confirm, uploaded


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for what the service does after its answer."""
    limit = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.05)


def kept(live: Live) -> set[str]:
    """Return the names of all files in the container of pictures."""
    root = live.directory / "uploads" / "avatars"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("_round", range(3))
def test_c8_one_of_many_uploads_stays(live: Live, _round: int) -> None:
    person = live.client.sign_up()
    before = kept(live)
    uploads = [uploaded(person) for _ in range(2)]
    answers = race.at_once([partial(confirm, person, one) for one in uploads for _ in range(6)])
    assert race.statuses(answers) == {200: 12}
    name = Path(person.me()["avatar_url"]).name
    eventually(lambda: kept(live) - before == {name})
    live.client.request("GET", person.me()["avatar_url"]).expect(200)


@pytest.mark.parametrize("_round", range(3))
def test_c8_a_removal_or_a_picture_comes_last(live: Live, _round: int) -> None:
    person = live.client.sign_up()
    upload = uploaded(person)
    answers = race.at_once(
        [
            *[partial(person.delete, "/users/me/avatar") for _ in range(2)],
            *[partial(confirm, person, upload) for _ in range(4)],
        ]
    )
    race.statuses(answers)
    assert {answer.status for answer in answers} == {200, 204}
    url = person.me()["avatar_url"]
    if url is not None:
        time.sleep(0.5)
        live.client.request("GET", url).expect(200)


@pytest.mark.parametrize("_round", range(3))
def test_c8_an_erasure_leaves_no_picture(live: Live, _round: int) -> None:
    person, admin = live.client.sign_up(), live.admin()
    upload = uploaded(person)
    erased, *answers = race.at_once(
        [
            partial(admin.post, f"/users/{person.id}/erase"),
            *[partial(confirm, person, upload) for _ in range(4)],
        ]
    )
    race.statuses([erased, *answers])
    erased.expect(204)
    assert {answer.status for answer in answers} <= {200, 401, 404}
    eventually(lambda: f"incoming/{upload['upload_id']}" not in kept(live))
    for url in {answer.json["avatar_url"] for answer in answers if answer.status == 200}:
        eventually(partial(lambda url: live.client.request("GET", url).status == 404, url))
