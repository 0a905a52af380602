"""Which passwords may be chosen (R31 to R36)."""

import pytest

from gatehouse.core import passwords


def wide(text: str) -> str:
    """Spell ASCII letters in their full-width forms, which NFKC makes equal."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


def check(password: str, *own: str) -> list[str]:
    return passwords.check(password, min_length=8, own=own, product="Gatehouse")


@pytest.mark.parametrize(
    "password",
    [
        "testpass123",
        "secure123",
        "correct horse battery staple",
        "🦊" * 63 + "🐻",
        "ünïcödé pässwörd " * 7,
        "with\0nul and\ttab",
        "x" * 127 + "y",
        "        y",
    ],
)
def test_anything_uncommon_is_accepted(password: str) -> None:
    """R35: no rules of composition."""
    assert check(password) == []


@pytest.mark.parametrize("length", [0, 1, 7])
def test_too_short(length: int) -> None:
    """R34"""
    assert check("kx9$mQ2z"[:length]) != []
    assert check("🦊🐻🐼🦁🐯🦝🐨"[:length]) != []


def test_the_length_is_counted_in_characters() -> None:
    assert check("é🦊ñ🐻ü🐼ø🦁") == []
    assert check("xy" * 64) == []
    assert check("xy" * 64 + "z") == ["Longer than maximum length 128."]


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD1",
        "12345678",
        "iloveyou",
        "Qwertyuiop",
        wide("password"),
        " password ",
    ],
)
def test_common_ones_are_refused_in_any_spelling(password: str) -> None:
    """R36"""
    assert check(password) == ["Is one of the most common passwords."]


def test_the_list_has_thirty_thousand() -> None:
    """R36: the 3,000 commonest are a part of them."""
    assert passwords._common().count("\n") == 30_001
    assert not passwords.is_common("123456\npassword")
    assert not passwords.is_common("")


@pytest.mark.parametrize(
    "password",
    [
        "Anna.Lind@acme.org",
        "anna.lind",
        "annalind1",
        "ANNA LINDQVIST",
        wide("gatehouse"),
        "gatehouse",
    ],
)
def test_ones_own_names_are_refused(password: str) -> None:
    """R36: equal when folded; containing them is no reason."""
    own = ("anna.lind@acme.org", "AnnaLind1", "Anna Lindqvist")
    assert len(check(password, *own)) == 1
    assert check(f"{password} rides", *own) == []


def test_one_character_repeated() -> None:
    assert check("a" * 20) == ["Repeats a single character."]
    assert check("🦊" * 8) == ["Repeats a single character."]


def test_lone_surrogates_are_refused() -> None:
    assert check("pass\ud800word") == ["Contains a character that is not valid Unicode."]


def test_each_bound_of_length_is_itself_allowed() -> None:
    """R33, R34: between the least length and 128 characters, both included."""
    assert check("kx9$mQ2z") == []
    assert check("kx9$mQ2") == ["Shorter than minimum length 8."]
    assert check("xy" * 64) == []


def test_every_reason_is_told() -> None:
    """Short and common: whoever lengthens it shall not be refused a second time for the other."""
    assert check("abc123") == [
        "Shorter than minimum length 8.",
        "Is one of the most common passwords.",
    ]
    assert check("aaaa") == ["Shorter than minimum length 8.", "Repeats a single character."]
    # Far too long is told alone: what else it is nobody needs to look for.
    assert check("a" * 129) == ["Longer than maximum length 128."]


def test_each_name_and_the_local_part_of_an_address_has_its_reason() -> None:
    own = ("anna.lind@acme.org", "AnnaLind1", "Anna Lindqvist")
    reason = ["Is the same as your e-mail address, username or name."]
    for password in (*own, "anna.lind"):
        assert check(password, *own) == reason
    assert check("gatehouse", *own) == ["Is the name of this product."]
    # Only an address has a local part, and only as a whole.
    assert check("acme.org", *own) == []
    assert check("anna.lind@acme", *own) == []


def test_the_local_part_ends_at_the_last_at() -> None:
    assert check('"anna@home"', '"anna@home"@acme.org') != []
    assert check('"anna@ho', '"anna@ho"@acme.org') == []
