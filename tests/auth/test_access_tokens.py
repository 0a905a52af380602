"""Access tokens to the second: what is in them, when they are good, and how many are remembered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from gatehouse.auth import access_tokens
from gatehouse.auth.access_tokens import AccessTokenInvalid
from gatehouse.core.ids import new_id
from tests.conftest import MakeApp
from tests.support import forge, people
from tests.support.answers import InProcess
from tests.support.api import Api
from tests.support.clocks import Clock

USER, SESSION = new_id(), new_id()
LOG_IN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def issued(**extra: Any) -> str:
    """Return a token as a log-in gives it."""
    return access_tokens.issue(USER, SESSION, auth_time=LOG_IN, amr=("pwd", "otp"), extra=extra)


def forged(app: Flask, **claims: Any) -> str:
    """Return a token of ours with other claims."""
    with app.app_context():
        token = issued()
    return forge.signed(app, forge.altered(token, **claims))


@pytest.mark.settings(ACCESS_TOKEN_EXPIRE_MINUTES="7")
def test_r13_a_token_says_this_and_no_more(app: Flask, clock: Clock) -> None:
    now = int(clock.stop().now().timestamp())
    with app.app_context():
        token = issued()
        assert access_tokens.lifetime() == timedelta(minutes=7)
        read = access_tokens.verify(token)
    header, claims, _ = forge.parts(token)
    assert header.keys() == {"alg", "kid", "typ"}
    assert header["typ"] == "at+jwt"
    assert UUID(claims.pop("jti")).version == 7
    assert claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": "gatehouse",
        "sub": str(USER),
        "sid": str(SESSION),
        "iat": now,
        "exp": now + 420,
        "type": "access",
        "auth_time": int(LOG_IN.timestamp()),
        "amr": ["pwd", "otp"],
    }
    assert (read.user_id, read.session_id) == (USER, SESSION)
    assert (read.auth_time, read.amr) == (LOG_IN, ("pwd", "otp"))
    assert (read.issued_at, read.expires_at) == (now, now + 420)
    assert (read.kid, read.issuer, read.audience) == (
        header["kid"],
        claims["iss"],
        claims["aud"],
    )
    assert read.claims == forge.parts(token)[1]


def test_two_tokens_of_one_moment_differ(app: Flask, clock: Clock) -> None:
    clock.stop()
    with app.app_context():
        first, second = (forge.parts(issued())[1]["jti"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({"exp": 1}, True),
        ({"exp": 0}, False),
        ({"iat": 60}, True),
        ({"iat": 61}, False),
        ({"nbf": 60}, True),
        ({"nbf": 61}, False),
        # The later one counts.
        ({"nbf": -60, "iat": 61}, False),
        ({"nbf": 61, "iat": -60}, False),
    ],
)
def test_r9_times_to_the_second(
    app: Flask, clock: Clock, claims: dict[str, int], is_good: bool
) -> None:
    """Good until the second of its expiry; clocks of others may run ahead for a minute."""
    clock.stop().forward(microseconds=1_000_000 - clock.now().microsecond)
    now = int(clock.now().timestamp())
    token = forged(app, **{name: now + offset for name, offset in claims.items()})
    with app.app_context():
        if is_good:
            assert access_tokens.verify(token).user_id == USER
        else:
            with pytest.raises(AccessTokenInvalid):
                access_tokens.verify(token)


@pytest.mark.parametrize(
    "odd",
    [
        {"jti": 7},
        {"jti": ...},
        {"amr": "pwd"},
        {"amr": ...},
        {"auth_time": -1},
        {"auth_time": 2**37},
        {"auth_time": 1.5},
        {"auth_time": True},
        {"auth_time": ...},
        {"nbf": None},
        {"nbf": "0"},
        {"exp": 2**37},
        {"iat": -1},
        {"sid": "no id"},
        {"aud": ["gatehouse"]},
    ],
)
def test_r15_claims_of_another_kind(app: Flask, odd: dict[str, Any]) -> None:
    token = forged(app, **odd)
    with app.app_context(), pytest.raises(AccessTokenInvalid):
        access_tokens.verify(token)


@pytest.mark.parametrize("auth_time", [0, 2**37 - 1])
def test_the_ends_of_time_are_moments(app: Flask, auth_time: int) -> None:
    token = forged(app, auth_time=auth_time)
    with app.app_context():
        assert access_tokens.verify(token).auth_time.timestamp() == auth_time


@pytest.mark.parametrize("odd", ["", ".", "a.b.c", "\ud800", "x" * 9000, "a.b.c.d.e"])
def test_r2_what_is_no_token(app: Flask, odd: str) -> None:
    with app.app_context(), pytest.raises(AccessTokenInvalid):
        access_tokens.verify(odd)


def test_verified_tokens_are_remembered_and_the_oldest_forgotten(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory spares the signature check and never grows beyond its size."""
    memory = access_tokens._Memory()
    monkeypatch.setattr(access_tokens, "_memory", memory)
    monkeypatch.setattr(access_tokens, "MEMORY_SIZE", 3)
    with app.app_context():
        tokens = [issued() for _ in range(5)]
        found = [access_tokens.verify(token) for token in tokens]
        assert len(memory._known) == 3
        again = [access_tokens.verify(token) for token in tokens[2:]]
        assert [one is two for one, two in zip(again, found[2:], strict=True)] == [True] * 3
        assert access_tokens.verify(tokens[0]) is not found[0]
        assert len(memory._known) == 3
        # What is wrong leaves nothing.
        with pytest.raises(AccessTokenInvalid):
            access_tokens.verify(tokens[0] + "A")
        assert len(memory._known) == 3


def test_a_remembered_token_dies_with_its_key(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        token = issued()
        keys = access_tokens.keys.current()
        access_tokens.verify(token)
        trimmed = replace(keys, by_kid={})
        monkeypatch.setattr(access_tokens.keys, "current", lambda: trimmed)
        with pytest.raises(AccessTokenInvalid):
            access_tokens.verify(token)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("", set()), ("roles", {"roles"}), ("scope", {"scope"}), ("roles,scope", {"roles", "scope"})],
)
def test_claims_for_services_that_cannot_ask_back(
    make_app: MakeApp, wanted: str, expected: set[str]
) -> None:
    """TOKEN_CLAIMS adds them, at the step-up as at the log-in and the refresh."""
    app = make_app(TOKEN_CLAIMS=wanted)
    client = Api(InProcess(app))
    admin = client.at().log_in(*people.make_super_admin(app))
    person = client.sign_up()
    admin.grant(person.id, "user", "admin").expect(200)
    later = person.refreshed()
    body = {"password": person.password}
    confirmed = later.post("/auth/reauthenticate", body).expect(200).json["access_token"]
    for token in (later.token, confirmed):
        claims = forge.parts(str(token))[1]
        assert {"roles", "scope"} & claims.keys() == expected
        assert sorted(claims.get("roles", ["admin", "user"])) == ["admin", "user"]
        scope = claims.get("scope", "audit:read users:read").split()
        assert {"audit:read", "users:read"} <= set(scope)
        assert scope == sorted(scope)
