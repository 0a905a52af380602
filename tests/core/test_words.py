"""Ids, addresses, names and times as every layer spells them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gatehouse.core import clock
from gatehouse.core.ids import new_id, parse_id
from gatehouse.core.network import bucket
from gatehouse.core.principal import Principal
from gatehouse.core.text import fold, has_surrogates, is_drawable

ID = "019a2f6e-7c1d-7abc-8def-0123456789ab"


def test_ids_sort_by_the_time_they_were_made() -> None:
    """UUIDv7 (RFC 9562, section 5.7), so that an index grows at its end."""
    made = [new_id() for _ in range(50)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}
    assert len(set(made)) == 50


def test_an_id_has_one_spelling() -> None:
    assert parse_id(ID) == UUID(ID)


@pytest.mark.parametrize(
    "odd",
    [
        ID.upper(),
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        f" {ID}",
        ID[:-1],
        ID[:-1] + "g",
        "-" * 36,
        # 36 characters that `UUID` takes and that are another spelling of an id.
        "0-19a2f6e7c1d-7abc-8def-0123456789ab",
        "",
        None,
        7,
        UUID(ID),
        ID.encode(),
    ],
)
def test_r90_everything_else_is_no_id(odd: object) -> None:
    assert parse_id(odd) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::1%eth0%1", "fe80::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        (None, "unknown"),
        ("localhost", "unknown"),
        ("198.51.100.7:80", "unknown"),
    ],
)
def test_an_address_has_one_bucket(address: str | None, expected: str) -> None:
    """IPv6 by its /64: one customer has 2**64 addresses, and limits count customers."""
    assert bucket(address) == expected


def test_names_are_compared_trimmed_caseless_and_compatible() -> None:
    assert fold("  Anna.LIND@Example.com\t") == "anna.lind@example.com"
    assert fold("STRASSE") == fold("straße")
    assert fold("ﬁx") == "fix"
    assert fold("e\u0301") == fold("\u00e9")
    assert fold("a b") == "a b"


@pytest.mark.parametrize("text", ["Anna", "Ann e", "Ünïcödé", "李小龍", "🦊", ""])
def test_what_a_reader_sees_is_drawable(text: str) -> None:
    assert is_drawable(text)


@pytest.mark.parametrize(
    "code", [0x00, 0x0A, 0x7F, 0xAD, 0x200B, 0x202E, 0x2028, 0x2029, 0xD800, 0xE000, 0x0378, 0xFEFF]
)
def test_what_nobody_sees_is_not(code: int) -> None:
    """Controls, formats, surrogates, private and unassigned ones, ends of lines and paragraphs."""
    assert not is_drawable(f"ad{chr(code)}min")
    assert not is_drawable(chr(code))


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_half_a_pair_is_found_wherever_it_stands(code: int) -> None:
    assert has_surrogates(chr(code))
    assert has_surrogates(f"pass{chr(code)}word")


@pytest.mark.parametrize("code", [0xD7FF, 0xE000, 0x1F98A])
def test_its_neighbours_are_characters(code: int) -> None:
    assert not has_surrogates(chr(code))
    assert not has_surrogates("")


def test_a_principal_may_what_a_role_of_theirs_allows() -> None:
    principal = Principal(
        user_id=UUID(ID),
        session_id=None,
        roles=frozenset({"admin"}),
        permissions=frozenset({"users:read", "users:update"}),
        auth_time=datetime(2026, 1, 1, tzinfo=UTC),
        amr=("pwd",),
        user={},
    )
    assert principal.may("users:read")
    assert not principal.may("users:delete")
    assert principal.outranks_or_equals(frozenset())
    assert principal.outranks_or_equals(frozenset({"users:read"}))
    assert principal.outranks_or_equals(principal.permissions)
    assert not principal.outranks_or_equals(frozenset({"users:read", "roles:write"}))


def test_the_clock_is_aware_and_runs_on_where_it_was_moved_to() -> None:
    before = clock.now()
    assert before.utcoffset() == timedelta(0)
    with clock.shifted(timedelta(days=1)), clock.shifted(timedelta(hours=1)):
        assert timedelta(hours=25) <= clock.now() - before < timedelta(hours=26)
    assert clock.now() - before < timedelta(hours=1)
