"""Races between real clients of a real server, 20 to 120 at once (C1 to C3, C5 to C10, C13, C15).

Every test reads the outcome back over HTTP. No answer may be a 5xx.
"""

import math
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.live import Live
from tests.support.race import at_once, statuses

WRONG = "a wrong Password of tests"
WIDTH = 20


def spread(api: Api, number: int) -> list[Api]:
    """Return the same client at that many addresses."""
    return [api.at() for _ in range(number)]


def only(answers: list[Answer], status: int) -> Answer:
    """Return the one answer with this status."""
    (found,) = [answer for answer in answers if answer.status == status]
    return found


@pytest.mark.parametrize("member", ["email", "username"])
def test_c1_twenty_sign_ups_of_one_name(live: Live, member: str) -> None:
    name = new_email() if member == "email" else new_username()
    passwords = [f"Password of client {number}" for number in range(WIDTH)]
    spellings = [name, name.upper(), name.title(), name.swapcase()]

    def sign_up(api: Api, number: int) -> Answer:
        body = {"email": new_email(), "password": passwords[number]}
        return api.post("/users", body | {member: spellings[number % 4]})

    apis = spread(live.client, WIDTH)
    answers = at_once([partial(sign_up, api, number) for number, api in enumerate(apis)])
    assert statuses(answers) == {201: 1, 409: WIDTH - 1}
    for answer in answers:
        assert answer.status == 201 or answer.code == f"{member}_taken"
    winner = answers.index(only(answers, 201))
    assert live.client.log_in(name, passwords[winner]).id == answers[winner].json["id"]
    losers = [password for number, password in enumerate(passwords) if number != winner]
    for password in losers[:9]:
        live.client.try_log_in(name, password).expect(401)


def test_c2_r17_twenty_refreshes_with_one_token(live: Live) -> None:
    person = live.client.sign_up()
    answers = at_once([partial(person.stranger.try_refresh, person.refresh_token)] * WIDTH)
    assert set(statuses(answers)) <= {200, 401}
    successors = {answer.json["refresh_token"] for answer in answers if answer.status == 200}
    assert len(successors) <= 1
    living = [token for token in successors if live_successor(person, token)]
    assert len(living) <= 1


def test_c2_r17_refreshes_from_twenty_places(live: Live) -> None:
    """Whoever did not rotate is a thief by the rules, so the session ends for everybody."""
    person = live.client.sign_up()
    apis = spread(person.stranger, WIDTH)
    answers = at_once([partial(api.try_refresh, person.refresh_token) for api in apis])
    assert statuses(answers) == {200: 1, 401: WIDTH - 1}
    assert not live_successor(person, only(answers, 200).json["refresh_token"])
    assert not person.is_in()


def live_successor(person: Person, token: str) -> bool:
    """Tell whether a refresh token still works for the client that got it."""
    return person.stranger.try_refresh(token).status == 200


ENDINGS: dict[str, Callable[[Person, Person], Answer]] = {
    "log_out": lambda person, admin: person.post("/auth/logout"),
    "password": lambda person, admin: person.again().post(
        "/users/me/password",
        {"current_password": PASSWORD, "new_password": "another Password of tests"},
    ),
    "deactivate": lambda person, admin: admin.patch(f"/users/{person.id}", {"is_active": False}),
    "delete": lambda person, admin: admin.delete(f"/users/{person.id}"),
    "end_all": lambda person, admin: admin.delete(f"/users/{person.id}/sessions"),
}


@pytest.mark.parametrize("way", ENDINGS)
def test_c3_c8_r21_refresh_against_the_end_of_a_session(live: Live, way: str) -> None:
    admin, person = live.admin(), live.client.sign_up()
    refresh = partial(person.stranger.try_refresh, person.refresh_token)
    answers = at_once([*[refresh] * 10, partial(ENDINGS[way], person, admin), *[refresh] * 9])
    assert set(statuses(answers)) <= {200, 204, 401}
    assert answers[10].status in (200, 204), str(answers[10])
    # Whatever came first: after both nothing of the old family lives, on any worker.
    got = [answer.json for answer in [*answers[:10], *answers[11:]] if answer.status == 200]
    for token in {person.token, *(tokens["access_token"] for tokens in got)}:
        person.bearing(token).get("/users/me").expect(401)
    for token in {person.refresh_token, *(tokens["refresh_token"] for tokens in got)}:
        person.stranger.try_refresh(token).expect(401)


@pytest.mark.parametrize("way", ["log_out", "deactivate", "delete"])
def test_r20_r24_the_end_counts_on_every_worker_at_once(live: Live, way: str) -> None:
    person, admin = live.client.sign_up(), live.admin()
    other = person.again()
    looks = [partial(person.get, "/users/me")] * WIDTH
    assert statuses(at_once(looks)) == {200: WIDTH}
    answer = ENDINGS[way](person, admin)
    assert answer.status in (200, 204), str(answer)
    assert statuses(at_once(looks)) == {401: WIDTH}
    refresh = [partial(person.stranger.try_refresh, person.refresh_token)] * 4
    assert statuses(at_once(refresh)) == {401: 4}
    assert other.is_in() == (way == "log_out")


@pytest.mark.parametrize("way", ["demote", "deactivate", "delete", "mixed"])
def test_c5_r77_super_admins_against_each_other(live: Live, way: str) -> None:
    """Only those of this test take part: every other super_admin of the server is put aside."""
    admins = [live.admin() for _ in range(5)]
    put_aside(admins)
    acts: dict[str, Callable[[Person, Person], Answer]] = {
        "demote": lambda actor, target: actor.grant(target.id, "user"),
        "deactivate": lambda actor, target: actor.patch(
            f"/users/{target.id}", {"is_active": False}
        ),
        "delete": lambda actor, target: actor.delete(f"/users/{target.id}"),
    }
    names = list(acts)

    def named(number: int, target: int) -> str:
        return way if way in acts else names[(number + target) % 3]

    def attack(number: int, target: int) -> Answer:
        return acts[named(number, target)](admins[number], admins[target])

    pairs = [(a, b) for a in range(5) for b in range(5)]
    answers = at_once([partial(attack, a, b) for a, b in pairs])
    for (actor, target), answer in zip(pairs, answers, strict=True):
        # One's own account is open to who has been demoted, and `is_active` is no member of it.
        is_told = actor == target and named(actor, target) == "deactivate"
        assert answer.status in {200, 204, 401, 403, 404, 409, *([422] if is_told else [])}
    survivors = [admin for admin in admins if is_super_admin(admin)]
    assert len(survivors) >= 1


def put_aside(admins: list[Person]) -> None:
    """Take the role from every super_admin who is not one of these."""
    ours = {admin.id for admin in admins}
    found = admins[0].get("/users?role=super_admin&per_page=100").expect(200).json["users"]
    for user in found:
        if user["id"] not in ours:
            admins[0].grant(user["id"], "user").expect(200)


def is_super_admin(person: Person) -> bool:
    """Tell whether somebody can still log in and is a super_admin."""
    answer = person.stranger.at().try_log_in(person.email, person.password)
    if answer.status != 200:
        return False
    return bool(person.bearing(answer.json["access_token"]).me()["is_superuser"])


def test_c5_two_super_admins_who_demote_each_other_leave_one(live: Live) -> None:
    for _ in range(2):
        first, second = live.admin(), live.admin()
        put_aside([first, second])
        answers = at_once(
            [
                partial(first.grant, second.id, "user"),
                partial(second.grant, first.id, "user"),
            ]
        )
        assert statuses(answers)[200] == 1
        assert [is_super_admin(one) for one in (first, second)].count(True) == 1


def test_c6_ten_patches_with_one_version(live: Live) -> None:
    person = live.client.sign_up()
    version = {"If-Match": person.get("/users/me").headers["ETag"]}

    def patch(number: int) -> Answer:
        return person.patch("/users/me", {"name": f"Client {number}"}, headers=version)

    answers = at_once([partial(patch, number) for number in range(WIDTH)])
    assert statuses(answers) == {200: 1, 412: WIDTH - 1}
    assert person.me()["name"] == only(answers, 200).json["name"]


def test_c7_patches_of_different_members_are_all_kept(live: Live) -> None:
    for _ in range(2):
        person = live.client.sign_up()
        changes = {"name": "New Name", "locale": "de-CH", "username": new_username()}
        bodies = [{member: value} for member, value in changes.items()] * 7
        answers = at_once([partial(person.patch, "/users/me", body) for body in bodies])
        assert statuses(answers) == {200: len(bodies)}
        assert {member: person.me()[member] for member in changes} == changes


def test_c8_nothing_is_reborn_after_a_deletion(live: Live) -> None:
    admin = live.admin()
    for _ in range(2):
        person = live.client.sign_up()
        delete = partial(admin.delete, f"/users/{person.id}")
        others = [
            *[partial(person.patch, "/users/me", {"name": "Reborn"})] * 5,
            *[partial(person.stranger.try_log_in, person.email)] * 5,
            *[partial(person.stranger.try_refresh, person.refresh_token)] * 5,
            *[partial(admin.patch, f"/users/{person.id}", {"name": "Reborn"})] * 4,
        ]
        answers = at_once([delete, *others])
        assert set(statuses(answers)) <= {200, 204, 401, 404}
        answers[0].expect(204)
        for answer in answers:
            if answer.status == 200 and "access_token" in answer.json:
                assert not person.bearing(answer.json["access_token"]).is_in()
                person.stranger.try_refresh(answer.json["refresh_token"]).expect(401)
        admin.get(f"/users/{person.id}").expect(404)
        admin.get(f"/users/{person.id}/sessions").expect(404)
        person.stranger.try_log_in(person.email).expect(401)
        reborn = live.client.sign_up(person.email)
        assert reborn.id != person.id
        assert reborn.me()["name"] is None


def test_c9_r52_a_hundred_and_twenty_guesses_at_once(live: Live) -> None:
    person = live.client.sign_up()
    apis = spread(live.client, 120)
    passwords = [f"{WRONG} {number}" for number in range(120)]
    passwords[77] = PASSWORD
    guesses = [
        partial(api.try_log_in, person.email, password)
        for api, password in zip(apis, passwords, strict=True)
    ]
    begin = time.monotonic()
    answers = at_once(guesses)
    # In sequence one has ten guesses, and one more after each wait of 1, 2, 4 … seconds.
    in_sequence = 10 + int(math.log2(time.monotonic() - begin + 1))
    found = statuses(answers)
    judged = found.get(401, 0) + found.get(200, 0)
    assert 9 <= judged <= in_sequence + found.get(200, 0)
    assert found.get(429, 0) == 120 - judged
    # What was judged was counted: the wait has begun, and grows with the next guess. The first wait
    # may be over with any of these, and then the second one begins.
    more = [live.client.try_log_in(person.email, WRONG) for _ in range(3)]
    throttled = [answer for answer in more if answer.status != 401]
    assert len(throttled) >= 2
    for answer in throttled:
        assert answer.expect(429, "too_many_attempts").retry_after >= 1
    assert person.again().is_in()


def test_c10_r55_honest_log_ins_at_once(live: Live) -> None:
    person = live.client.sign_up()
    answers = at_once([partial(person.stranger.try_log_in, person.email)] * 5)
    assert statuses(answers) == {200: 5}
    # Five devices elsewhere, none of which is known.
    apis = spread(live.client, 5)
    answers = at_once([partial(api.try_log_in, person.email) for api in apis])
    assert statuses(answers) == {200: 5}
    assert len(person.get("/auth/sessions").json["sessions"]) == 11


def test_c10_honest_log_ins_while_guesses_run(live: Live) -> None:
    person = live.client.sign_up()
    guesses = [partial(api.try_log_in, person.email, WRONG) for api in spread(live.client, 40)]
    honest = [partial(person.stranger.try_log_in, person.email)] * 8
    answers = at_once([*guesses[:20], *honest, *guesses[20:]])
    assert set(statuses(answers)) <= {200, 401, 429}
    assert statuses(answers[20:28]) == {200: 8}


def test_c13_password_changes_at_once(live: Live) -> None:
    """Of twenty the throttle lets ten be judged, and one of those wins."""
    person = live.client.sign_up()
    news = [f"New Password {number} of tests" for number in range(WIDTH)]
    bodies = [{"current_password": PASSWORD, "new_password": new} for new in news]
    answers = at_once([partial(person.post, "/users/me/password", body) for body in bodies])
    found = statuses(answers)
    assert found[204] == 1, [str(answer) for answer in answers]
    assert set(found) <= {204, 401, 403, 409, 429}
    winner = news[answers.index(only(answers, 204))]
    elsewhere = live.client
    assert elsewhere.log_in(person.email, winner).is_in()
    for password in (PASSWORD, *[new for new in news if new != winner][:7]):
        live.client.try_log_in(person.email, password).expect(401)


@pytest.mark.parametrize("sort", ["-created_at", "email"])
def test_c15_a_list_while_rows_come_and_go(live: Live, sort: str) -> None:
    admin = live.admin()
    mark = new_username()

    def make(number: int) -> str:
        body = {"email": f"{mark}.{number:03}@example.com", "password": PASSWORD}
        return str(live.client.post("/users", body).expect(201).json["id"])

    steady = {make(number) for number in range(0, 40, 2)}
    passing = [make(number) for number in range(60, 72)]

    def walk() -> list[str]:
        seen, path = [], f"/users?per_page=3&q={mark}&sort={sort}"
        cursor = ""
        while True:
            page = admin.get(path + cursor).expect(200).json
            seen += [user["id"] for user in page["users"]]
            if page["next_cursor"] is None:
                return seen
            cursor = f"&cursor={page['next_cursor']}"

    def add() -> list[str]:
        return [make(number) for number in range(1, 24, 2)]

    def remove() -> list[str]:
        for user_id in passing:
            admin.delete(f"/users/{user_id}").expect(204)
        return []

    *walks, _, _ = at_once([walk, walk, walk, add, remove])
    for seen in walks:
        assert len(seen) == len(set(seen))
        assert steady <= set(seen)
    assert set(walk()) >= steady
    assert not set(walk()) & set(passing)
