"""Signing keys from JWT_KEYS_FILE, in place of the table: PEM blocks or a JSON Web Key Set."""

import re
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gatehouse.infra.keys.key_set import (
    KeySet,
    PrivateKey,
    PublicKey,
    SigningKey,
    UnusableKey,
    VerifyingKey,
    algorithm_of,
    from_jwk,
    from_pem,
    thumbprint,
)
from gatehouse.settings import SettingsError

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


def load(path: Path, algorithm: str) -> KeySet:
    """Return the keys of a file; its first private key for `algorithm` signs, all verify.

    Raises `SettingsError` with one clear line.
    """
    try:
        keys = _read(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise SettingsError([f"JWT_KEYS_FILE: {path} cannot be read ({reason})"]) from None
    except UnusableKey as error:
        raise SettingsError([f"JWT_KEYS_FILE: a key in {path} {error}"]) from None
    verifying = []
    signer: SigningKey | None = None
    for kid, key in keys:
        used_for = algorithm_of(key)
        if isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
            if signer is None and used_for == algorithm:
                signer = SigningKey(kid, used_for, key)
            key = key.public_key()
        verifying.append(VerifyingKey(kid, used_for, key))
    if signer is None:
        raise SettingsError([f"JWT_KEYS_FILE: {path} holds no private key for {algorithm}"])
    return KeySet.of(verifying, signer)


def _read(content: bytes) -> list[tuple[str, PrivateKey | PublicKey]]:
    if content.lstrip().startswith(b"{"):
        try:
            document: Any = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise UnusableKey("is not JSON") from None
        entries = document.get("keys", [document])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise UnusableKey("is not a JSON Web Key")
        return [_named(from_jwk(entry), entry.get("kid")) for entry in entries]
    return [_named(from_pem(block[0])) for block in _PEM.finditer(content)]


def _named(key: PrivateKey | PublicKey, kid: object = None) -> tuple[str, PrivateKey | PublicKey]:
    if isinstance(kid, str) and 0 < len(kid) <= 64:
        return kid, key
    public = key.public_key() if isinstance(key, Ed25519PrivateKey | RSAPrivateKey) else key
    return thumbprint(public), key
