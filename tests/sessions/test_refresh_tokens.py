"""What is a refresh token and what only looks like one, also under our own key."""

from typing import Any

import jwt
import pytest
from flask import Flask

from gatehouse.core.ids import new_id
from gatehouse.infra import secrets
from gatehouse.sessions import RefreshTokenInvalid, refresh_tokens


@pytest.mark.parametrize(
    "odd",
    [
        {"sid": "no id"},
        {"sid": None},
        {"gen": "0"},
        {"gen": True},
        {"gen": 0.0},
        {"gen": None},
        {"type": "access"},
        {"type": None},
        {"scope": "more"},
        {"iat": ...},
        {"sid": ...},
    ],
)
def test_r7_what_is_no_refresh_token_is_refused(app: Flask, odd: dict[str, Any]) -> None:
    """Also with our own signature: each member is as we make it, and there is no other one."""
    claims = {"sid": str(new_id()), "gen": 0, "type": "refresh", "iat": 1, "exp": 2}
    with app.app_context():
        key = secrets.derive(secrets.Purpose.REFRESH)
        # Its times are the session's business: `exp` is long ago.
        assert refresh_tokens.decode(jwt.encode(claims, key, "HS256")).generation == 0
        crooked = {n: v for n, v in (claims | odd).items() if v is not ...}
        with pytest.raises(RefreshTokenInvalid):
            refresh_tokens.decode(jwt.encode(crooked, key, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_r1_refresh_tokens_have_one_algorithm(app: Flask, algorithm: str) -> None:
    claims = {"sid": str(new_id()), "gen": 0, "type": "refresh", "iat": 1, "exp": 2}
    with app.app_context():
        token = jwt.encode(claims, secrets.derive(secrets.Purpose.REFRESH) * 2, algorithm)
        with pytest.raises(RefreshTokenInvalid):
            refresh_tokens.decode(token)
        for odd in ("", ".", "a.b.c", "x" * 2000, "\ud800"):
            with pytest.raises(RefreshTokenInvalid):
                refresh_tokens.decode(odd)
