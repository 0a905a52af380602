"""Guessing passwords: what is told, what is counted, and for whom (R43, R46 to R49, R53, R54)."""

from typing import Any

import pytest

from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_address, new_email, new_username
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox

WRONG = "a wrong Password of tests"
FREE = 10
PER_REQUEST = {"X-Request-ID", "Date"}


@pytest.fixture(autouse=True)
def stopped(clock: Clock) -> Clock:
    """Only the tests themselves let time pass."""
    return clock.stop()


def told(answer: Answer) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return everything that a client learns, but for what differs in every answer."""
    body = {name: value for name, value in answer.json.items() if name != "instance"}
    fields = {name: value for name, value in answer.headers.items() if name not in PER_REQUEST}
    return answer.status, body, fields


def guess(client: Api, name: str, times: int) -> list[int]:
    """Guess from one new address; return the statuses."""
    stranger = client.at()
    return [stranger.try_log_in(name, WRONG).status for _ in range(times)]


def test_r43_unknown_wrong_and_inactive_look_alike(client: Api, admin: Person) -> None:
    known, inactive, deleted = client.sign_up(), client.sign_up(), client.sign_up()
    admin.patch(f"/users/{inactive.id}", {"is_active": False}).expect(200)
    admin.delete(f"/users/{deleted.id}").expect(204)
    cases = [
        (known.email, WRONG),
        (new_email(), WRONG),
        (new_username(), WRONG),
        (inactive.email, PASSWORD),
        (inactive.email, WRONG),
        (deleted.email, PASSWORD),
        ("n" * 3_000, WRONG),
        (known.email, "p" * 1_024),
        (known.email, "p" * 1_025),
        (known.email, "p" * 20_000),
    ]
    for ask in (Api.try_log_in, Api.try_grant):
        answers = [ask(client.at(), name, password) for name, password in cases]
        first = told(answers[0])
        assert first[0] == (401 if ask is Api.try_log_in else 400)
        for case, answer in zip(cases, answers, strict=True):
            assert told(answer) == first, (case, str(answer))
        if ask is Api.try_grant:
            assert first[1]["error"] == "invalid_grant"


def test_r46_sign_up_with_a_known_address_is_told(client: Api) -> None:
    person = client.sign_up(username="taken-name")
    body = {"email": person.email, "password": PASSWORD}
    client.post("/users", body).expect(409, "email_taken")
    body = {"email": new_email(), "password": PASSWORD, "username": "Taken-Name"}
    client.post("/users", body).expect(409, "username_taken")


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_r46_strict_mode_answers_alike_and_mails_the_owner(client: Api, mailbox: Mailbox) -> None:
    email = new_email()
    known = client.post("/users", {"email": email, "password": PASSWORD})
    assert mailbox.tokens(email) != []
    again = client.at().post("/users", {"email": email.upper(), "password": PASSWORD + "2"})
    assert told(known) == told(again)
    assert known.status == 202
    assert email not in known.content.decode()
    assert len(mailbox.to(email)) == 2
    assert client.log_in(email, PASSWORD).is_in()
    client.try_log_in(email, PASSWORD + "2").expect(401)


def test_r47_a_throttle_looks_alike_for_accounts_that_do_not_exist(
    client: Api, clock: Clock
) -> None:
    person = client.sign_up()
    unknown = new_email()
    for name in (person.email, unknown):
        assert guess(client, name, FREE) == [401] * FREE
    for wait in (1, 2, 4, 8):
        answers = [client.at().try_log_in(name, WRONG) for name in (person.email, unknown)]
        assert told(answers[0]) == told(answers[1])
        answers[0].expect(429, "too_many_attempts")
        assert answers[0].retry_after <= wait
        grants = [client.at().try_grant(name, WRONG) for name in (person.email, unknown)]
        assert told(grants[0]) == told(grants[1])
        clock.forward(seconds=answers[0].retry_after)
        for name in (person.email, unknown):
            client.at().try_log_in(name, WRONG).expect(401)


def test_r47_it_opens_by_itself(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    guess(client, person.email, FREE)
    stranger = client.at()
    refusal = stranger.try_log_in(person.email).expect(429)
    clock.forward(seconds=refusal.retry_after)
    assert stranger.log_in(person.email).is_in()


def test_r48_guesses_from_a_hundred_addresses(client: Api, clock: Clock) -> None:
    """A patient attacker who waits as told has at most 100 guesses a day."""
    person = client.sign_up()
    begin, judged, in_a_row, longest = clock.now(), 0, 0, 0
    while (clock.now() - begin).total_seconds() < 86_400:
        answer = client.at().try_log_in(person.email, WRONG)
        if answer.status == 429:
            in_a_row = 0
            clock.forward(seconds=min(answer.retry_after, 86_400))
        else:
            answer.expect(401)
            judged += 1
            in_a_row += 1
            longest = max(longest, in_a_row)
    assert longest == FREE
    assert judged <= 100
    assert client.at(person.address).log_in(person.email).is_in()


@pytest.mark.settings(
    LIMITS="login=12/minute,login_failures=5/10minute,sign_up=4/minute,mail_requests=3/hour"
)
def test_r49_one_address_is_limited(client: Api) -> None:
    def limited(answer: Answer, at_most: int) -> None:
        answer.expect(429, "rate_limited")
        assert 0 < answer.retry_after <= at_most + 1
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json["status"] == 429

    stranger = client.at()
    for _ in range(5):
        stranger.try_log_in(new_email(), WRONG).expect(401)
    limited(stranger.try_log_in(new_email(), WRONG), 600)
    limited(stranger.try_grant(new_email(), WRONG), 600)
    # Every call counts, however it ends.
    for _ in range(5):
        stranger.post("/auth/login", {}).expect(422)
    limited(stranger.post("/auth/login", {}), 60)

    stranger = client.at()
    for number in range(4):
        body = {"email": new_email(), "password": PASSWORD if number % 2 else "short"}
        stranger.post("/users", body).expect(201 if number % 2 else 422)
    limited(stranger.post("/users", {"email": new_email(), "password": PASSWORD}), 60)

    stranger = client.at()
    for path in ("/auth/password-reset", "/auth/verify-email/resend", "/auth/password-reset"):
        stranger.post(path, {"email": new_email()}).expect(202)
    limited(stranger.post("/auth/verify-email/resend", {"email": new_email()}), 3_600)
    assert client.at().sign_up().is_in()


def test_r49_the_limits_that_ship(client: Api) -> None:
    stranger = client.at()
    statuses = [stranger.try_log_in(new_email(), WRONG).status for _ in range(51)]
    assert statuses == [401] * 50 + [429]
    stranger = client.at()
    for _ in range(60):
        stranger.post("/users", {}).expect(422)
    stranger.post("/users", {}).expect(429, "rate_limited")
    stranger = client.at()
    for _ in range(20):
        stranger.post("/auth/password-reset", {"email": new_email()}).expect(202)
    stranger.post("/auth/password-reset", {"email": new_email()}).expect(429, "rate_limited")


def test_r53_a_stranger_guesses_at_my_account(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    for _ in range(3):
        clock.forward(seconds=4)
        guess(client, person.email, FREE)
    assert person.is_in()
    assert person.refreshed().is_in()
    assert person.again().is_in()
    client.at().try_log_in(person.email).expect(429)
    # The address of a log-in is known for 90 days, also without a living session.
    clock.forward(days=80)
    guess(client, person.email, FREE)
    client.at().try_log_in(person.email).expect(429)
    client.log_in(person.email)


def test_r53_a_known_place_has_a_bucket_of_its_own(client: Api, clock: Clock) -> None:
    person = client.sign_up()
    statuses = [client.try_log_in(person.email, WRONG).status for _ in range(FREE + 2)]
    assert statuses == [401] * FREE + [429] * 2
    assert client.at().log_in(person.email).is_in()
    clock.forward(minutes=15, seconds=1)
    assert client.log_in(person.email).is_in()


def test_r54_all_ways_share_one_counter(client: Api) -> None:
    username = new_username()
    person = client.sign_up(username=username)
    thief = person.at(new_address())
    body: dict[str, Any] = {"current_password": WRONG, "new_password": "another Password of tests"}
    tries = [
        client.at().try_log_in(person.email, WRONG),
        client.at().try_log_in(person.email.upper(), WRONG),
        client.at().try_log_in(f" {person.email} ", WRONG),
        client.at().try_log_in(username, WRONG),
        client.at().try_log_in(username.swapcase(), WRONG),
        client.at().try_grant(person.email, WRONG),
        client.at().try_grant(username, WRONG),
        thief.post("/auth/reauthenticate", {"password": WRONG}),
        thief.post("/users/me/password", body),
        thief.patch("/users/me", {"email": new_email(), "current_password": WRONG}),
    ]
    assert [answer.status for answer in tries] == [401] * 5 + [400] * 2 + [403] * 3
    for answer in (
        client.at().try_log_in(username),
        client.at().try_log_in(person.email),
        client.at().try_grant(person.email.title()),
        thief.post("/auth/reauthenticate", {"password": PASSWORD}),
        thief.post("/users/me/password", body | {"current_password": PASSWORD}),
        thief.patch("/users/me", {"email": new_email(), "current_password": PASSWORD}),
    ):
        answer.expect(429, "too_many_attempts")


def test_r54_a_right_password_does_not_clear_the_counter(client: Api) -> None:
    person = client.sign_up()
    stranger = client.at()
    for _ in range(FREE - 1):
        stranger.try_log_in(person.email, WRONG).expect(401)
    client.at().log_in(person.email)
    client.at().try_log_in(person.email, WRONG).expect(401)
    client.at().try_log_in(person.email, WRONG).expect(429)


def test_r54_names_that_nobody_has_are_counted_folded(client: Api) -> None:
    name = new_username()
    for number in range(FREE):
        client.at().try_log_in(name.upper() if number % 2 else name, WRONG).expect(401)
    client.at().try_log_in(name.title(), WRONG).expect(429)


def test_r47_an_administrator_unlocks(client: Api, admin: Person) -> None:
    person = client.sign_up()
    guess(client, person.email, FREE)
    client.at().try_log_in(person.email).expect(429)
    admin.post(f"/users/{person.id}/unlock").expect(204)
    client.at().log_in(person.email)
