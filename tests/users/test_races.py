"""Sign-ups and changes that happen at once."""

import pytest

from tests.support import race
from tests.support.api import PASSWORD, Api, new_email, new_username

# Room for all of them in the queue of hashes, whose bound has tests of its own.
pytestmark = pytest.mark.settings(THREADS="48")


def test_c1_twenty_sign_ups_of_one_address(client: Api) -> None:
    email = new_email()
    spellings = [email if n % 2 else email.upper() for n in range(20)]
    passwords = [f"password number {n}" for n in range(20)]
    answers = race.at_once(
        [
            lambda e=e, p=p: client.post("/users", {"email": e, "password": p})
            for e, p in zip(spellings, passwords, strict=True)
        ]
    )
    assert race.statuses(answers) == {201: 1, 409: 19}
    assert {answer.code for answer in answers if answer.status == 409} == {"email_taken"}
    winner = next(p for p, a in zip(passwords, answers, strict=True) if a.status == 201)
    # Not all of them: the throttle of guesses would hold.
    for password in [p for p in passwords if p != winner][:8]:
        client.at().try_log_in(email, password).expect(401)
    client.try_log_in(email, winner).expect(200)


def test_c1_twenty_sign_ups_of_one_username(client: Api) -> None:
    username = new_username()
    names = [username if n % 2 else username.upper() for n in range(20)]
    answers = race.at_once(
        [
            lambda n=n: client.post(
                "/users", {"email": new_email(), "password": PASSWORD, "username": n}
            )
            for n in names
        ]
    )
    assert race.statuses(answers) == {201: 1, 409: 19}


def test_c6_of_changes_with_one_if_match_exactly_one_wins(client: Api) -> None:
    person = client.sign_up()
    tag = person.get("/users/me").headers["ETag"]
    names = [f"Name {n}" for n in range(10)]
    answers = race.at_once(
        [
            lambda n=n: person.patch("/users/me", {"name": n}, headers={"If-Match": tag})
            for n in names
        ]
    )
    assert race.statuses(answers) == {200: 1, 412: 9}
    winner = next(n for n, a in zip(names, answers, strict=True) if a.status == 200)
    assert person.me()["name"] == winner


@pytest.mark.parametrize("_round", range(5))
def test_c7_changes_of_different_members_all_last(client: Api, _round: int) -> None:
    person = client.sign_up()
    body = {"name": "Jane", "locale": "de", "username": new_username()}
    answers = race.at_once(
        [lambda n=n, v=v: person.patch("/users/me", {n: v}) for n, v in body.items()]
    )
    assert race.statuses(answers) == {200: 3}
    after = person.me()
    assert {name: after[name] for name in body} == body
