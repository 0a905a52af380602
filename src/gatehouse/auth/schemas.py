"""What the doors of log-in take and give."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from gatehouse.web.schemas import EmailField, Password, Schema, told

_EMAIL, _PASSWORD, _NEW_PASSWORD = "ada@example.com", "seven green lanterns", "nine amber windows"
_ACCESS = "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl"
_REFRESH = "eyJhbGciOiJIUzI1NiJ9.eyJzaWQiOiIuLi4ifQ.c2lnbmF0dXJl"
_MAILED = "0199c2d4-5a6b-7c8d-9e0f-1a2b3c4d5e6f.b0c5a1d2e3f4"
_TOKEN = told("What the mail's link carries as `token`.", _MAILED)
_NAME = told("E-mail or username.", _EMAIL)


class LoginIn(Schema):
    """Credentials. Log-in judges any text, so that nothing is told by its form."""

    username = fields.String(required=True, metadata=_NAME)
    password = Password(
        required=True,
        refuse_surrogates=False,
        max=1_000_000,
        metadata=told("The person's password, exactly.", _PASSWORD),
    )


class RefreshIn(Schema):
    """A refresh token in the body, where it is not in the Authorization header."""

    examples: ClassVar[Mapping[str, Any]] = {"in_the_body": {"refresh_token": _REFRESH}}
    refresh_token = fields.String(metadata=told("The refresh token.", _REFRESH))


class TokenForm(Schema):
    """The form of RFC 6749, sections 4.3.2 and 6; client and scope are accepted and ignored."""

    examples: ClassVar[Mapping[str, Any]] = {
        "password": {"grant_type": "password", "username": _EMAIL, "password": _PASSWORD},
        "refresh_token": {"grant_type": "refresh_token", "refresh_token": _REFRESH},
    }
    grant_type = fields.String(metadata=told("`password` or `refresh_token`.", "password"))
    username = fields.String(metadata=_NAME)
    password = fields.String(
        metadata=told("The person's password, exactly.", _PASSWORD) | {"format": "password"}
    )
    refresh_token = fields.String(metadata=told("The refresh token.", _REFRESH))
    scope = fields.String(metadata=told("Ignored: roles decide.", "users:read"))
    client_id = fields.String(metadata=told("Ignored.", "shop"))
    client_secret = fields.String(metadata=told("Ignored.", "kept by the client"))


class TokensOut(Schema):
    """Both tokens of a session (RFC 6749, section 5.1)."""

    is_secret = True

    access_token = fields.String(
        required=True, metadata=told("A JWT for the Authorization header.", _ACCESS)
    )
    refresh_token = fields.String(
        required=True,
        metadata=told("Good for one refresh; keep it where no script reads it.", _REFRESH),
    )
    token_type = fields.String(required=True, metadata=told("Always `Bearer`.", "Bearer"))
    expires_in = fields.Integer(
        required=True, metadata=told("How many seconds the access token lives.", 900)
    )


class AccessTokenOut(Schema):
    """An access token with a fresh `auth_time`; the session and its refresh token stay."""

    is_secret = True

    access_token = fields.String(
        required=True, metadata=told("A JWT for the Authorization header.", _ACCESS)
    )
    token_type = fields.String(required=True, metadata=told("Always `Bearer`.", "Bearer"))
    expires_in = fields.Integer(
        required=True, metadata=told("How many seconds the access token lives.", 900)
    )


class ReauthenticateIn(Schema):
    """The caller's own password."""

    password = Password(
        required=True,
        refuse_surrogates=False,
        metadata=told("The caller's password, exactly.", _PASSWORD),
    )


class EmailIn(Schema):
    """An address, known or not."""

    email = EmailField(required=True, metadata=told("The address of the account.", _EMAIL))


class ResetConfirmIn(Schema):
    """The token of the mail, and the password that it sets."""

    token = fields.String(required=True, metadata=_TOKEN)
    new_password = Password(
        required=True, metadata=told("The new password, by the rules of sign-up.", _NEW_PASSWORD)
    )


class VerifyIn(Schema):
    """The token of the mail, with one proof: a session, the password, or a new password."""

    examples: ClassVar[Mapping[str, Any]] = {
        "logged_in": {"token": _MAILED},
        "by_password": {"token": _MAILED, "password": _PASSWORD},
        "with_a_new_password": {"token": _MAILED, "new_password": _NEW_PASSWORD},
    }
    token = fields.String(required=True, metadata=_TOKEN)
    password = Password(
        refuse_surrogates=False, metadata=told("The account's password, exactly.", _PASSWORD)
    )
    new_password = Password(
        metadata=told("A new password, which ends every session of the account.", _NEW_PASSWORD)
    )


class JwkOut(Schema):
    """A public key (RFC 7517): Ed25519 has `crv` and `x`, RSA has `n` and `e`."""

    examples: ClassVar[Mapping[str, Any]] = {
        "ed25519": {
            "kty": "OKP",
            "kid": "y_vHN-bqCNHcvIRkydJA_LNDETXAHUxS4QvdPNBxD38",
            "use": "sig",
            "alg": "EdDSA",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    }
    kty = fields.String(required=True, metadata=told("The family of the key.", "OKP"))
    kid = fields.String(required=True, metadata=told("Its name in a token's header.", "2026-11-a"))
    use = fields.String(required=True, metadata=told("Always `sig`.", "sig"))
    alg = fields.String(required=True, metadata=told("The one algorithm it is used with.", "EdDSA"))
    crv = fields.String(metadata=told("The curve.", "Ed25519"))
    x = fields.String(
        metadata=told("The public key.", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    )
    n = fields.String(
        metadata=told("The modulus.", "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM")
    )
    e = fields.String(metadata=told("The exponent.", "AQAB"))


class JwkSetOut(Schema):
    """The public keys that verify access tokens (RFC 7517)."""

    keys = fields.List(
        fields.Nested(JwkOut), required=True, metadata={"description": "The keys, old ones too."}
    )
