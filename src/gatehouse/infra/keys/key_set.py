"""Signing keys in memory: what signs, what verifies, and what is published (RFC 7517, 8037)."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from gatehouse.core.errors import Unavailable

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | RSAPublicKey
Jwk = dict[str, str]

LEAST_RSA_BITS = 2048
_NEW_RSA_BITS = 3072


class NoSigningKey(Unavailable):
    """No key can sign now, so nobody can log in; what was issued still verifies."""

    code = "no_signing_key"
    title = "There is no key to sign tokens with"
    remedy = "Wait, and tell the operator: `flask doctor` says what is wrong."


class UnusableKey(ValueError):
    """A key that is not taken; the text continues a sentence about it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs now; bytes with HS256."""

    kid: str
    algorithm: str
    private: PrivateKey | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key that is trusted, and the one algorithm that it is trusted for (RFC 8725, 3.1)."""

    kid: str
    algorithm: str
    key: PublicKey | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """One complete, unchangeable state of the keys. It is replaced whole, never edited (C16)."""

    by_kid: Mapping[str, VerifyingKey]
    signer: SigningKey | None
    version: str
    # What ought to sign was encrypted with none of DATA_KEYS, so there is no signer.
    is_unreadable: bool = False

    @classmethod
    def of(
        cls,
        verifying: Iterable[VerifyingKey],
        signer: SigningKey | None,
        *,
        is_unreadable: bool = False,
    ) -> "KeySet":
        """Return the set of some keys; `version` differs whenever the trusted ones do."""
        by_kid = {key.kid: key for key in sorted(verifying, key=lambda key: key.kid)}
        digest = hashlib.sha256("\n".join(by_kid).encode()).hexdigest()
        return cls(MappingProxyType(by_kid), signer, digest[:16], is_unreadable)

    @property
    def signing(self) -> SigningKey:
        """The key that signs; raises `NoSigningKey` when there is none."""
        if self.signer is None:
            raise NoSigningKey
        return self.signer

    def jwks(self) -> dict[str, list[Jwk]]:
        """Return the JSON Web Key Set to publish; a shared secret is never in it."""
        return {
            "keys": [
                public_jwk(key.key) | {"kid": key.kid, "use": "sig", "alg": key.algorithm}
                for key in self.by_kid.values()
                if not isinstance(key.key, bytes)
            ]
        }


def new_private_key(algorithm: str) -> PrivateKey:
    """Make a key for `EdDSA` (Ed25519) or `RS256` (3072 bits, which takes a moment)."""
    if algorithm == "EdDSA":
        return Ed25519PrivateKey.generate()
    if algorithm == "RS256":
        return generate_private_key(public_exponent=65537, key_size=_NEW_RSA_BITS)
    raise ValueError(f"no key is made for {algorithm}; it is EdDSA or RS256")


def algorithm_of(key: PrivateKey | PublicKey) -> str:
    """Return the one algorithm that a key is used with."""
    return "EdDSA" if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else "RS256"


def public_jwk(key: PublicKey) -> Jwk:
    """Return the required public members of a key (RFC 7518, section 6.3; RFC 8037)."""
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _b64(key.public_bytes_raw())}
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _b64(_octets(numbers.n)), "e": _b64(_octets(numbers.e))}


def thumbprint(key: PublicKey) -> str:
    """Return the RFC 7638 thumbprint, which is the `kid` of keys that we make."""
    members = orjson.dumps(public_jwk(key), option=orjson.OPT_SORT_KEYS)
    return _b64(hashlib.sha256(members).digest())


def from_jwk(jwk: Mapping[str, Any]) -> PrivateKey | PublicKey:
    """Read a private or public JWK; raise `UnusableKey` for anything but Ed25519 and RSA."""
    try:
        return _accepted(PyJWK(dict(jwk)).key)
    except UnusableKey:
        raise
    except (PyJWTError, TypeError, ValueError, KeyError) as error:
        raise UnusableKey("is not a JSON Web Key of a known kind") from error


def from_pem(pem: bytes) -> PrivateKey | PublicKey:
    """Read one private or public key in PEM; raise `UnusableKey` for what cannot be used."""
    try:
        if b"PUBLIC KEY" in pem:
            return _accepted(serialization.load_pem_public_key(pem))
        return _accepted(serialization.load_pem_private_key(pem, password=None))
    except UnusableKey:
        raise
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey("is an encrypted, damaged or unknown PEM key") from error


def public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """Read a JWK and return its public part."""
    key = from_jwk(jwk)
    return key.public_key() if isinstance(key, Ed25519PrivateKey | RSAPrivateKey) else key


def private_key(pem: str) -> PrivateKey:
    """Read the PEM of a private key."""
    key = from_pem(pem.encode())
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
        raise UnusableKey("is not a private key")
    return key


def to_pem(key: PrivateKey) -> str:
    """Return a private key as unencrypted PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _accepted(key: object) -> PrivateKey | PublicKey:
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            raise UnusableKey(f"is an RSA key of less than {LEAST_RSA_BITS} bits")
        return key
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return key
    raise UnusableKey("is neither an Ed25519 nor an RSA key")


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
