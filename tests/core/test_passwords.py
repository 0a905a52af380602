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
