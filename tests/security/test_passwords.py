"""Passwords: exact, never cut, never guessable, and cheap to refuse (R31 to R36, R38, R39)."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any
from unittest import mock

import bcrypt
import pytest
from flask import Flask
from passlib.context import CryptContext

from tests.support import stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.hostile import within
from tests.support.mailbox import Mailbox

# Exactly 72 bytes each: where bcrypt by itself would stop.
HEADS = {"ASCII": "abcdefgh" * 9, "two bytes": "äöüßéèåø" * 4 + "ñçæð", "four bytes": "🦊🐻🐼" * 6}
Setter = Callable[[str], Answer]


def opens(client: Api, name: str, password: str) -> bool:
    """Tell whether a password opens an account, the same at both doors."""
    login, grant = client.try_log_in(name, password), client.try_grant(name, password)
    assert (login.status, grant.status) in {(200, 200), (401, 400)}, f"{login} {grant}"
    return login.status == 200


def test_r31_passwords_equal_in_their_first_72_bytes(client: Api) -> None:
    for head in HEADS.values():
        assert len(head.encode()) == 72
        passwords = [head, head + "1", head + "2", head + "é", head[:-1]]
        for password in (head, head + "1"):
            person = client.at().sign_up(password=password)
            assert [opens(person.stranger, person.email, other) for other in passwords] == [
                other == password for other in passwords
            ]


def test_r31_an_imported_hash_that_cuts_is_never_cut(app: Flask, client: Api) -> None:
    head = HEADS["ASCII"]
    person = client.sign_up()
    plain = bcrypt.hashpw(head.encode(), bcrypt.gensalt(4)).decode()
    stored.alter(app, person.id, password_hash=plain)
    assert not opens(client, person.email, head + "1")
    client.try_log_in(person.email, head + "\0").expect(422)
    assert opens(client, person.email, head)


def test_r32_nul_is_refused_and_never_cut(client: Api) -> None:
    person = client.sign_up(password="long enough")
    for odd in (
        "long enough\0",
        "long enough\0and more",
        "\0long enough",
        "long\0enough",
        "\0" * 9,
    ):
        body = {"email": new_email(), "password": odd}
        client.post("/users", body).expect(422)
        client.try_log_in(body["email"], odd).expect(422)
        change = {"current_password": "long enough", "new_password": odd}
        person.post("/users/me/password", change).expect(422)
        person.post("/users/me/password", change | {"current_password": odd}).expect(422)
        assert client.try_log_in(person.email, odd).status in (401, 422)
        assert client.try_grant(person.email, odd).status == 400
    assert opens(client, person.email, "long enough")


def test_r33_a_password_is_its_exact_code_points(client: Api) -> None:
    password = "  Grüße  aus Malmö 1 "
    variants = [
        password.strip(),
        password.lower(),
        password.swapcase(),
        " ".join(password.split(" ")).replace("  ", " "),
        password.replace("ü", "u\u0308").replace("ö", "o\u0308"),
        password.replace(" ", "\u00a0"),
        password + "\u200b",
        password.replace("1", "\uff11"),
    ]
    assert len({password, *variants}) == 9
    person = client.sign_up(password=password)
    for variant in variants:
        client.at().try_log_in(person.email, variant).expect(401, "invalid_credentials")
    assert opens(client, person.email, password)
    person.post("/auth/reauthenticate", {"password": password.strip()}).expect(403)
    person.post("/auth/reauthenticate", {"password": password}).expect(200)


@pytest.fixture
def setters(client: Api, admin: Person, mailbox: Mailbox) -> dict[str, Setter]:
    """Return every way to set a password, each for a person of its own, by its name."""
    changer, resetter, verifier = client.sign_up(), client.sign_up(), client.sign_up()
    client.at().post("/auth/password-reset", {"email": resetter.email}).expect(202)
    reset, verify = mailbox.token(resetter.email), mailbox.token(verifier.email)

    def change(password: str) -> Answer:
        body = {"current_password": PASSWORD, "new_password": password}
        return changer.post("/users/me/password", body)

    def confirm(password: str) -> Answer:
        body = {"token": reset, "new_password": password}
        return client.at().post("/auth/password-reset/confirm", body)

    def prove(password: str) -> Answer:
        body = {"token": verify, "new_password": password}
        return client.at().post("/auth/verify-email", body)

    def made_for(by: Api) -> Setter:
        return lambda password: by.post("/users", {"email": new_email(), "password": password})

    return {
        "sign-up": made_for(client),
        "administrator": made_for(admin),
        "change": change,
        "reset": confirm,
        "verification": prove,
    }


def refuses(answer: Answer) -> str:
    """Return what is said about the password that was refused."""
    errors = answer.expect(422, "validation_failed").json["errors"]
    (name,) = errors
    assert name in ("password", "new_password")
    return " ".join(errors[name])


def test_r34_below_the_minimum_length(setters: dict[str, Setter]) -> None:
    for way, setter in setters.items():
        for short in ("xK9!vb2", "Zq7#é", "🦊🐻🐼🦁🐯🐨🐸", "x", ""):
            assert refuses(setter(short)), way
        assert setter("xK9!vb2Q").status in (201, 204), way


@pytest.mark.settings(PASSWORD_MIN_LENGTH="12")
def test_r34_the_minimum_is_a_setting(setters: dict[str, Setter]) -> None:
    for setter in setters.values():
        assert "12" in refuses(setter("xK9!vb2Qm7w"))
        assert setter("xK9!vb2Qm7w$").status in (201, 204)


LONG = {
    "emoji": "🦊🐻🐼🦁🐯🐨🐸🐙" * 8,
    "families": "👨‍👩‍👧‍👦🇨🇭x" * 6 + "y" * 4,
    "lower case": "correcthorsebatterystaple" * 2 + "correcthorseba",
    "digits": "3141592653589793238462643383279502884197169399375105820974944592",
    "blanks": "a " * 31 + "  ",
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" * 2,
    "right to left": "שלום עולם " * 6 + "שלום",
    "combining": "e\u0301\u0323" * 21 + "x",
    "controls": "\t\n\r\x1b\x7f\u2028\u202e\ufeff" * 8,
    "the longest": "🦊b" * 64,
}


def test_r35_anything_long_is_accepted_and_works(client: Api) -> None:
    for password in LONG.values():
        assert len(password) in (64, 128)
        person = client.at().sign_up(password=password)
        assert opens(client, person.email, password)
        person.post("/auth/reauthenticate", {"password": password}).expect(200)
        change = {"current_password": password, "new_password": (password + "!")[-128:]}
        person.post("/users/me/password", change).expect(204)


def commonest(number: int) -> list[str]:
    """Return the commonest passwords that are not too short anyway."""
    listed = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["passwords"]
    found = listed if isinstance(listed, list) else listed.split(",")
    return [word for word in found[:number] if len(word) >= 8]


def test_r36_the_commonest_passwords(client: Api) -> None:
    words = commonest(3_000)
    assert len(words) > 300
    assert {"password", "iloveyou", "sunshine", "baseball", "football"} <= set(words)
    for number, word in enumerate(words):
        spelled = (word, word.upper(), word.title(), f" {word} ")[number % 4]
        body = {"email": f"r36-{number}@example.com", "password": spelled}
        assert refuses(client.at().post("/users", body)), spelled


def test_r36_at_every_way(client: Api, setters: dict[str, Setter]) -> None:
    for way, setter in setters.items():
        for word in ("password1", "Qwertyuiop", "gatehouse", "GATEHOUSE", "aaaaaaaaaa", "12345678"):
            assert refuses(setter(word)), (way, word)


@pytest.mark.settings(PRODUCT_NAME="Acme Widgets")
def test_r36_the_product_and_the_person(client: Api, admin: Person, mailbox: Mailbox) -> None:
    own = {"email": "josephine.baker@example.com", "username": "lady-josephine", "name": "Freda Mc"}
    spellings = ["josephine.baker@example.com", "Josephine.Baker", "LADY-josephine", "freda mc"]
    spellings += ["acme widgets", " Acme Widgets "]
    for by in (client, admin):
        for word in spellings:
            refuses(by.post("/users", own | {"password": word}))
    person = client.sign_up(**own)
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    token = mailbox.token(person.email)
    for word in spellings:
        body: dict[str, Any] = {"current_password": PASSWORD, "new_password": word}
        refuses(person.post("/users/me/password", body))
        body = {"token": token, "new_password": word}
        refuses(client.post("/auth/password-reset/confirm", body))
    assert person.again().is_in()
    refuses(client.post("/users", own | {"email": new_email(), "password": "josephine" * 15}))


def spied(name: str, seen: list[int]) -> Any:
    """Note how long every text is that the hashing library gets."""
    original = getattr(CryptContext, name)

    def spy(self: CryptContext, secret: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(len(secret))
        return original(self, secret, *args, **kwargs)

    return mock.patch.object(CryptContext, name, spy)


def test_r38_a_huge_password_is_never_hashed(client: Api) -> None:
    person = client.sign_up()
    seen: list[int] = []
    with spied("verify", seen), spied("hash", seen):
        for size in (1_025, 5_000, 60_000, 1_000_000):
            huge = "pA5$" * (size // 4) + "!" * (size % 4)
            change = {"current_password": huge, "new_password": PASSWORD + "2"}
            asked = [
                partial(client.post, "/users", {"email": new_email(), "password": huge}),
                partial(client.at().try_log_in, person.email, huge),
                partial(client.at().try_log_in, new_email(), huge),
                partial(client.at().try_grant, person.email, huge),
                partial(person.post, "/auth/reauthenticate", {"password": huge}),
                partial(person.post, "/users/me/password", change),
            ]
            for ask in asked:
                answer = within(1, ask)
                assert answer.status == 413 if size > 65_536 else 400 <= answer.status < 500
    assert max(seen) <= 1
    assert person.again().is_in()


def test_r39_password_and_address_need_the_current_password(app: Flask, client: Api) -> None:
    person = client.sign_up()
    before = stored.account(app, person.id)
    new = "another Password of tests"
    for path in ("/users/me", f"/users/{person.id}"):
        person.patch(path, {"email": new_email()}).expect(422, "validation_failed")
        wrong = {"email": new_email(), "current_password": new}
        person.patch(path, wrong).expect(403, "wrong_password")
    person.post("/users/me/password", {"new_password": new}).expect(422)
    wrong = {"current_password": new, "new_password": new}
    person.post("/users/me/password", wrong).expect(403, "wrong_password")
    assert stored.account(app, person.id) == before
    assert person.again().is_in()


@pytest.mark.parametrize("way", ["password", "address", "step-up"])
def test_r39_guesses_there_are_counted_with_those_at_log_in(
    client: Api, clock: Clock, way: str
) -> None:
    clock.stop()
    person = client.sign_up()
    thief = person.at()

    def guess(password: str) -> Answer:
        body = {"current_password": password, "new_password": "another Password of tests"}
        if way == "password":
            return thief.post("/users/me/password", body)
        if way == "address":
            change = {"email": new_email(), "current_password": password}
            return thief.patch("/users/me", change)
        return thief.post("/auth/reauthenticate", {"password": password})

    for _ in range(6):
        guess("a wrong Password").expect(403, "wrong_password")
    for _ in range(4):
        client.at().try_log_in(person.email, "a wrong Password").expect(401)
    guess(PASSWORD).expect(429, "too_many_attempts")
    client.at().try_log_in(person.email).expect(429, "too_many_attempts")
    clock.forward(seconds=2)
    assert guess(PASSWORD).status in (200, 204)
