"""Signing up: who may, with which names and passwords, and what strangers learn from it."""

import pytest

from tests.users.conftest import MakeApp
from tests.users.people import PASSWORD, People


@pytest.mark.parametrize("path", ["/users", "/users/"])
@pytest.mark.parametrize(
    "body",
    [
        {"email": "test@example.com", "username": "testuser", "password": "testpass123"},
        {"email": "new@example.com", "password": "secure123"},
    ],
)
def test_answers_201_without_password_or_hash(people: People, path: str, body: dict) -> None:
    answer = people.request("POST", path, json=body)
    assert answer.status_code == 201
    assert answer.json["email"] == body["email"]
    assert answer.json["username"] == body.get("username")
    assert answer.json["roles"] == ["user"]
    assert answer.headers["Location"] == f"/api/v1/users/{answer.json['id']}"
    assert answer.headers["ETag"] == '"v1"'
    assert "password" not in answer.text
    assert body["password"] not in answer.text
    again = people.request("POST", path, json=body)
    assert (again.status_code, again.json["code"]) == (409, "email_taken")


def test_r60_one_account_for_every_spelling_of_an_address(people: People) -> None:
    assert people.sign_up(email="Some.Body@Example.COM").status_code == 201
    for spelling in ("some.body@example.com", " SOME.BODY@EXAMPLE.COM ", "some.body@EXAMPLE.com"):
        answer = people.sign_up(email=spelling)
        assert (answer.status_code, answer.json["code"]) == (409, "email_taken")
    assert people.log_in("SOME.body@example.com").status_code == 200


def test_r60_a_domain_may_be_typed_in_either_form(people: People) -> None:
    assert people.sign_up(email="a@bücher.example").status_code == 201
    assert people.sign_up(email="a@xn--bcher-kva.example").status_code == 409
    for spelling in ("a@bücher.example", "A@BÜCHER.example", "a@xn--bcher-kva.example"):
        assert people.log_in(spelling).status_code == 200


def test_usernames_are_compared_folded(people: People) -> None:
    assert people.sign_up(username="Jane.Doe").status_code == 201
    answer = people.sign_up(username="jane.doe")
    assert (answer.status_code, answer.json["code"]) == (409, "username_taken")
    assert people.log_in("JANE.DOE").status_code == 200


@pytest.mark.parametrize(
    "username",
    ["me", "admin", "Admin", "root", "null", "..", "ab", ".abc", "abc-", "a b", "x" * 51]
    + ["other@example.com", "p\u0430ypal", "zero\u200bwidth", "\u202etxt", "ａｄｍｉｎ", "café", ""],
)
def test_r61_r62_r68_names_that_mislead_are_refused(people: People, username: str) -> None:
    answer = people.sign_up(username=username)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["username"]


@pytest.mark.parametrize("name", ["a\u200bb", "a\u202eb", "a\x00b", "a\nb", "a\ud800", "x" * 201])
def test_r61_names_hold_only_what_can_be_seen(people: People, name: str) -> None:
    assert people.sign_up(name=name).status_code == 422


@pytest.mark.parametrize(
    "member",
    [
        {"is_superuser": True},
        {"id": "01890000-0000-7000-8000-000000000000"},
        {"is_verified": True},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"password_hash": "x"},
        {"isActive": True},
        {"invite": True},
        {"is_active": True},
        {"roles": ["super_admin"]},
    ],
)
def test_r74_nobody_makes_themselves_more_than_they_are(people: People, member: dict) -> None:
    answer = people.sign_up(**member)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == list(member)


@pytest.mark.parametrize("wrong", [None, 1, True, 1.5, [], {}, ["x"], {"x": 1}])
@pytest.mark.parametrize("member", ["email", "password", "username", "name", "locale"])
def test_r86_wrong_types_are_refused(people: People, member: str, wrong: object) -> None:
    answer = people.sign_up(**{member: wrong})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [member]


@pytest.mark.parametrize(
    "password",
    ["short", "password", "PassWord1", "aaaaaaaaaaaa", "gatehouse", "x" * 129, "Jane Quiet Doe"]
    + ["jane.doe@example.com", "JANE.DOE@example.com", "Jane.Doe", "quietjane", "a\ud800bcdefgh"],
)
def test_r34_r36_passwords_that_are_refused(people: People, password: str) -> None:
    body = {"email": "jane.doe@example.com", "username": "quietjane", "name": "Jane Quiet Doe"}
    answer = people.sign_up(**body, password=password)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["password"]


@pytest.mark.parametrize("password", ["🔑" * 64, "näçhtlich ßo lang", " blanks around ", "12fghjk9"])
def test_r35_any_other_password_works_exactly(people: People, password: str) -> None:
    email = people.sign_up(password=password).json["email"]
    assert people.log_in(email, password).status_code == 200
    for other in (password.upper() + "x", password.strip() + " ", password[:-1]):
        assert people.log_in(email, other).status_code == 401


def test_sends_the_link_that_verifies_and_records_it(people: People) -> None:
    answer = people.sign_up(email="Jane@Example.com")
    [mail] = people.mails()
    assert (mail["template"], mail["to"]) == ("verify_email", "Jane@example.com")
    [event] = people.events("user.registered")
    assert str(event.subject_id) == answer.json["id"]
    person = people.enter(people.new())
    assert not people.request("GET", "/users/me", person).json["is_verified"]
    token = people.token("verify_email")
    answer = people.request("POST", "/auth/verify-email", person, json={"token": token})
    assert answer.status_code == 204
    assert people.request("GET", "/users/me", person).json["is_verified"]


def test_a_refusal_keeps_its_event(people: People) -> None:
    first = people.sign_up(email="jane@example.com", username="jane")
    people.sign_up(email="JANE@example.com")
    people.sign_up(username="Jane")
    refusals = people.events("registration.refused")
    assert [event.details for event in refusals] == [
        {"reason": "email_taken"},
        {"reason": "username_taken"},
    ]
    assert str(refusals[0].subject_id) == first.json["id"]
    assert len(people.events("user.registered")) == 1


def test_closed_registration(make_app: MakeApp) -> None:
    people = People(make_app(REGISTRATION="closed"))
    answer = people.sign_up()
    assert (answer.status_code, answer.json["code"]) == (403, "registration_closed")
    [event] = people.events("registration.refused")
    assert event.details == {"reason": "closed"}


def test_r46_strict_mode_answers_alike_and_mails_the_owner(make_app: MakeApp) -> None:
    people = People(make_app(REGISTRATION_ENUMERATION="hide"))
    first = people.sign_up(email="Jane@example.com", username="jane")
    second = people.sign_up(email="jane@EXAMPLE.com", username="jane")
    third = people.sign_up(email="other@example.com", username="jane")
    assert [answer.status_code for answer in (first, second, third)] == [202, 202, 202]
    assert first.text == second.text == third.text
    assert {*first.headers.keys()} == {*second.headers.keys()}
    # R63: the stored spelling and not the typed one.
    [mail] = people.mails("account_exists")
    assert mail["to"] == "Jane@example.com"
    assert people.log_in("jane@example.com").status_code == 200
    assert people.sign_up(email="x", username="jane").status_code == 422


def test_r59_the_owner_is_not_flooded(make_app: MakeApp) -> None:
    people = People(make_app(REGISTRATION_ENUMERATION="hide"))
    for _ in range(8):
        assert people.sign_up(email="jane@example.com").status_code == 202
    assert len(people.mails("account_exists")) == 5


def test_r49_sign_ups_of_one_address_are_limited(make_app: MakeApp) -> None:
    people = People(make_app(LIMITS="sign_up=3/minute"))
    admin = people.new("admin")
    codes = [people.sign_up(email="not an address").status_code for _ in range(3)]
    assert codes == [422, 422, 429]
    answer = people.request("POST", "/users", admin, json={})
    assert answer.status_code == 422, "administrators are exempt"


def test_r70_an_address_that_was_freed_makes_somebody_else(people: People) -> None:
    before = people.new("admin", email="jane@example.com", username="jane")
    assert people.request("DELETE", "/users/me", before).status_code == 204
    after = people.new(email="jane@example.com", username="jane", password="another secret 1")
    assert after.id != before.id
    assert people.request("GET", "/users/me", after).json["roles"] == ["user"]
    assert not people.is_in(before)
    assert people.log_in("jane@example.com", PASSWORD).status_code == 401
