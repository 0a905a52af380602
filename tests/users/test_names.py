"""Names as people type them: as a log-in, in a search, and as a password."""

import pytest
from flask import Flask

from gatehouse import users
from gatehouse.core.errors import Unprocessable
from gatehouse.users import listing, names


@pytest.mark.parametrize("member", ["email", "username", "name"])
def test_r36_each_of_ones_names_is_refused_as_a_password(app: Flask, member: str) -> None:
    own = {"email": "anna.lind@acme.org", "username": "AnnaLind1", "name": "Anna Lindqvist"}
    with app.app_context():
        with pytest.raises(Unprocessable) as refused:
            users.check_password(own[member], own)
        assert refused.value.errors is not None
        assert list(refused.value.errors) == ["password"]
        with pytest.raises(Unprocessable) as refused:
            users.check_password(own[member], {member: own[member]}, field="new_password")
        assert refused.value.errors is not None
        assert list(refused.value.errors) == ["new_password"]
        users.check_password(own[member], {**own, member: None})


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Anna.LIND@Example.com", "anna.lind@example.com"),
        (" anna@example.com ", "anna@example.com"),
        # R60: the same domain, in either form.
        ("anna@xn--bcher-kva.example", "anna@bücher.example"),
        ("anna@BÜCHER.example", "anna@bücher.example"),
        ("Anna-Lind", "anna-lind"),
        ("@", "@"),
        ("no address@", "no address@"),
        ("a" * 400 + "@example.com", "a" * 400 + "@example.com"),
        ("half\ud800", "half" + "\ufffd" * 3),
    ],
)
def test_a_log_in_name_is_read_as_sign_up_reads_it(typed: str, folded: str) -> None:
    assert names.fold_login_name(typed) == folded


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("a", "b"),
        ("anna", "annb"),
        ("\ud7fe", "\ud7ff"),
        # Half a pair is no character, so the next one is behind all of them.
        ("\ud7ff", "\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff" * 2, None),
        ("", None),
    ],
)
def test_a_search_ends_before_the_next_prefix(prefix: str, end: str | None) -> None:
    assert listing._after(prefix) == end
