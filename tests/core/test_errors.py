"""A refusal carries what the client and the log are told, and nothing by accident."""

import pytest

from gatehouse.core.errors import NotFound, Refusal, TooManyRequests, Unavailable


def test_a_refusal_says_its_detail_and_else_its_title() -> None:
    assert str(NotFound("No such role.")) == "No such role."
    assert str(NotFound()) == NotFound.title
    assert NotFound("No such role.").detail == "No such role."
    assert NotFound().detail is None


def test_a_refusal_carries_only_what_it_was_given() -> None:
    bare = Refusal()
    assert (bare.errors, bare.headers, bare.members) == (None, {}, {})

    full = Refusal(errors={"email": ["Odd."]}, headers={"X-Any": "1"}, members={"balance": 3})
    assert full.errors == {"email": ["Odd."]}
    assert full.headers == {"X-Any": "1"}
    assert full.members == {"balance": 3}


def test_headers_and_members_of_a_refusal_are_its_own() -> None:
    """Refusals are handled by code that adds to them; a shared mapping would leak into others."""
    headers, members = {"X-Any": "1"}, {"balance": 3}
    refusal = Refusal(headers=headers, members=members)
    refusal.headers["Retry-After"] = refusal.members["more"] = "4"
    assert headers == {"X-Any": "1"}
    assert members == {"balance": 3}


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (60, "60"), (899.5, "900")]
)
def test_a_throttle_never_asks_to_come_back_too_early(seconds: float, told: str) -> None:
    """Retry-After is a whole number of seconds (RFC 9110, section 10.2.3), rounded up."""
    refusal = TooManyRequests(seconds)
    assert refusal.headers == {"Retry-After": told}
    assert f" {told} seconds" in str(refusal)
    assert str(TooManyRequests(seconds, "Enough.")) == "Enough."


def test_an_unavailable_service_says_when_to_come_back() -> None:
    assert Unavailable().headers == {"Retry-After": "1"}
    refusal = Unavailable("Full.", retry_after_seconds=7)
    assert refusal.headers == {"Retry-After": "7"}
    assert refusal.detail == "Full."
