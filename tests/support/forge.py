"""Tokens as an attacker, or another service, would make them."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import jwt
from flask import Flask

from gatehouse.infra import keys


def b64(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return header, claims and signature of a token, unverified."""
    header, claims, signature = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims)), signature


def joined(header: Any, claims: Any, signature: str) -> str:
    """Return a token of these parts with whatever signature."""
    return ".".join([*(b64(json.dumps(part).encode()) for part in (header, claims)), signature])


def signed(
    app: Flask,
    claims: Mapping[str, Any],
    *,
    headers: Mapping[str, Any] | None = None,
) -> str:
    """Return a token that is really signed by the key of the service, whatever it says."""
    with app.app_context():
        key = keys.current().signing
    known: dict[str, Any] = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
    header = known | dict(headers or {})
    signing_input = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    signature = algorithm.sign(signing_input.encode(), algorithm.prepare_key(key.private))
    return f"{signing_input}.{b64(signature)}"


def altered(token: str, **claims: Any) -> dict[str, Any]:
    """Return the claims of a token with some replaced; the value `...` leaves one out."""
    found = parts(token)[1] | {"jti": str(uuid4())} | claims
    return {name: value for name, value in found.items() if value is not ...}


def seconds() -> int:
    """Return the present in seconds since 1970."""
    return int(time.time())
