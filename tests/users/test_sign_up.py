"""Signing up: who may, with which names and passwords, and what strangers learn from it."""

from itertools import product
from typing import Any

import pytest
from flask import Flask

from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.mailbox import Mailbox
from tests.users import records

Json = dict[str, Any]


@pytest.mark.parametrize("path", ["/users", "/users/"])
@pytest.mark.parametrize(
    "body",
    [
        {"email": "test@example.com", "username": "testuser", "password": "testpass123"},
        {"email": "new@example.com", "password": "secure123"},
    ],
)
def test_answers_201_without_password_or_hash(client: Api, path: str, body: Json) -> None:
    answer = client.post(path, body).expect(201)
    assert answer.json["email"] == body["email"]
    assert answer.json["username"] == body.get("username")
    assert answer.json["roles"] == ["user"]
    assert answer.headers["Location"] == f"/api/v1/users/{answer.json['id']}"
    assert answer.headers["ETag"] == '"v1"'
    assert b"password" not in answer.content
    assert body["password"].encode() not in answer.content
    client.post(path, body).expect(409, "email_taken")


def test_r60_one_account_for_every_spelling_of_an_address(client: Api) -> None:
    client.post("/users", {"email": "Some.Body@Example.COM", "password": PASSWORD}).expect(201)
    for spelling in ("some.body@example.com", " SOME.BODY@EXAMPLE.COM ", "some.body@EXAMPLE.com"):
        body = {"email": spelling, "password": PASSWORD}
        client.post("/users", body).expect(409, "email_taken")
    client.try_log_in("SOME.body@example.com").expect(200)


def test_r60_a_domain_may_be_typed_in_either_form(client: Api) -> None:
    client.post("/users", {"email": "a@bücher.example", "password": PASSWORD}).expect(201)
    body = {"email": "a@xn--bcher-kva.example", "password": PASSWORD}
    client.post("/users", body).expect(409, "email_taken")
    for spelling in ("a@bücher.example", "A@BÜCHER.example", "a@xn--bcher-kva.example"):
        client.try_log_in(spelling).expect(200)


def test_usernames_are_compared_folded(client: Api) -> None:
    client.sign_up(username="Jane.Doe")
    body = {"email": new_email(), "password": PASSWORD, "username": "jane.doe"}
    client.post("/users", body).expect(409, "username_taken")
    client.try_log_in("JANE.DOE").expect(200)


def refused(client: Api, **members: Any) -> list[str]:
    """Return the members that a sign-up was refused for."""
    body = {"email": new_email(), "password": PASSWORD, **members}
    return list(client.post("/users", body).expect(422, "validation_failed").json["errors"])


# Look-alikes: Cyrillic a, a zero-width space, right-to-left override, full-width letters.
MISLEADING = [
    *("me", "admin", "Admin", "root", "null", "..", "ab", ".abc", "abc-", "", "a b", "x" * 51),
    *("other@example.com", "café", "p\u0430ypal", "zero\u200bwidth", "\u202etxt"),
    "\uff41\uff44\uff4d\uff49\uff4e",
]


def test_r61_r62_r68_usernames_that_mislead_are_refused(client: Api) -> None:
    for name in MISLEADING:
        assert refused(client, username=name) == ["username"], name


def test_r61_names_hold_only_what_can_be_seen(client: Api) -> None:
    for name in ("a\u200bb", "a\u202eb", "a\x00b", "a\nb", "a\ud800", "x" * 201):
        assert refused(client, name=name) == ["name"], ascii(name)


def test_r74_nobody_makes_themselves_more_than_they_are(client: Api) -> None:
    for member in (
        {"is_superuser": True},
        {"id": "01890000-0000-7000-8000-000000000000"},
        {"is_verified": True},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"password_hash": "x"},
        {"isActive": True},
        {"invite": True},
        {"is_active": True},
        {"roles": ["super_admin"]},
    ):
        assert refused(client, **member) == list(member)


def test_r86_wrong_types_are_refused(client: Api) -> None:
    members = ("email", "password", "username", "name", "locale")
    for member, wrong in product(members, (None, 1, True, 1.5, [], {}, ["x"], {"x": 1})):
        assert refused(client.at(), **{member: wrong}) == [member]


def test_r34_r36_passwords_that_are_refused(client: Api) -> None:
    own = {"email": "jane.doe@example.com", "username": "quietjane", "name": "Jane Quiet Doe"}
    common = ("password", "PassWord1", "aaaaaaaaaaaa", "gatehouse")
    names = (*own.values(), "JANE.DOE@example.com", "Jane.Doe", "JANE QUIET DOE")
    for password in ("short", *common, *names, "x" * 129, "a\ud800bcdefgh"):
        assert refused(client, **own, password=password) == ["password"], ascii(password)


def test_r33_r35_any_other_password_works_exactly(client: Api) -> None:
    emoji = "".join(chr(0x1F600 + n) for n in range(64))
    for password in (emoji, "näçhtlich ßo lang", " blanks around ", "12fghjk9"):
        person = client.sign_up(password=password)
        for other in (password.swapcase() + "x", password.strip() + " ", password[:-1]):
            client.try_log_in(person.email, other).expect(401)


def test_sends_the_link_that_verifies_and_records_it(
    app: Flask, client: Api, mailbox: Mailbox
) -> None:
    person = client.sign_up(email="Jane.Doe@Example.com")
    [event] = records.events(app, "user.registered")
    assert str(event.subject_id) == person.id
    assert not person.me()["is_verified"]
    # R63: to the byte as it is stored.
    token = mailbox.token("Jane.Doe@example.com")
    person.post("/auth/verify-email", {"token": token}).expect(204)
    assert person.me()["is_verified"]


def test_a_refusal_keeps_its_event(app: Flask, client: Api) -> None:
    first = client.sign_up(email="jane@example.com", username="jane-doe")
    for body in ({"email": "JANE@example.com"}, {"email": new_email(), "username": "Jane-Doe"}):
        client.post("/users", {**body, "password": PASSWORD}).expect(409)
    refusals = records.events(app, "registration.refused")
    assert [event.details["reason"] for event in refusals] == ["email_taken", "username_taken"]
    assert str(refusals[0].subject_id) == first.id
    assert len(records.events(app, "user.registered")) == 1


@pytest.mark.settings(REGISTRATION="closed")
def test_closed_registration(app: Flask, client: Api, admin: Person) -> None:
    body = {"email": new_email(), "password": PASSWORD}
    client.post("/users", body).expect(403, "registration_closed")
    [event] = records.events(app, "registration.refused")
    assert event.details == {"reason": "closed"}
    admin.post("/users", body).expect(201)


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_r46_strict_mode_answers_alike_and_mails_the_owner(client: Api, mailbox: Mailbox) -> None:
    answers = [
        client.post("/users", {"email": email, "username": "jane-doe", "password": PASSWORD})
        for email in ("Jane@example.com", "jane@EXAMPLE.com", "other@example.com")
    ]
    assert [answer.status for answer in answers] == [202, 202, 202]
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.keys()) for answer in answers}) == 1
    # R63: the stored spelling and not the typed one.
    subjects = mailbox.subjects("Jane@example.com")
    assert [s for s in subjects if s.startswith("You already have")] == subjects[-1:]
    assert mailbox.to("jane@example.com") == []
    client.try_log_in("jane@example.com").expect(200)


@pytest.mark.settings(REGISTRATION_ENUMERATION="hide")
def test_r59_the_owner_is_not_flooded(client: Api, mailbox: Mailbox) -> None:
    for _ in range(8):
        body = {"email": "jane@example.com", "password": PASSWORD}
        client.at().post("/users", body).expect(202)
    assert sum("already" in subject for subject in mailbox.subjects("jane@example.com")) == 5


@pytest.mark.settings(LIMITS="sign_up=3/minute")
def test_r49_sign_ups_of_one_address_are_limited(client: Api, admin: Person) -> None:
    answers = [client.post("/users", {"email": "not an address"}) for _ in range(4)]
    assert [answer.status for answer in answers] == [422, 422, 422, 429]
    assert answers[-1].retry_after >= 1
    client.at("198.51.100.2").post("/users", {}).expect(422)
    for _ in range(5):
        admin.at(client.address).post("/users", {}).expect(422)


def test_r70_an_address_that_was_freed_makes_somebody_else(app: Flask, client: Api) -> None:
    before = records.with_roles(app, client, "admin", email="jane@example.com", username="janedoe")
    before.delete("/users/me").expect(204)
    after = client.sign_up(email="jane@example.com", username="janedoe", password="another one 1")
    assert after.id != before.id
    assert after.me()["roles"] == ["user"]
    assert not before.is_in()
    client.try_log_in("jane@example.com", PASSWORD).expect(401)
