"""Access tokens of the peers: HS256, made without logging in a thousand times."""

import base64
import hashlib
import hmac
import json
import secrets
import time

LIFE_SECONDS = 4 * 3600


def secret() -> str:
    """Return a new secret."""
    return secrets.token_hex(32)


def hs256(key: str, subject: str) -> str:
    """Return a signed token of a person."""
    now = int(time.time())
    # What flask-jwt-extended and simplejwt ask for besides; nobody minds what others ask for.
    claims = {
        "sub": subject,
        "iat": now,
        "nbf": now,
        "exp": now + LIFE_SECONDS,
        "jti": secrets.token_hex(8),
        "type": "access",
        "fresh": False,
        "token_type": "access",
        "user_id": subject,
    }
    signed = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    return f"{signed}.{_text(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


def _packed(document: dict[str, object]) -> str:
    return _text(json.dumps(document, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
