"""What the doors of log-in take and give."""

from marshmallow import fields

from gatehouse.web.schemas import EmailField, Password, Schema

_NAME = {"description": "E-mail or username.", "example": "test@example.com"}


class LoginIn(Schema):
    """Credentials. Log-in judges any text, so that nothing is told by its form."""

    username = fields.String(required=True, metadata=_NAME)
    password = Password(required=True, refuse_surrogates=False, max=1_000_000)


class RefreshIn(Schema):
    """A refresh token in the body, where it is not in the Authorization header."""

    refresh_token = fields.String()


class TokenForm(Schema):
    """The form of RFC 6749, sections 4.3.2 and 6; client and scope are accepted and ignored."""

    grant_type = fields.String(
        metadata={"description": "`password` or `refresh_token`.", "example": "password"}
    )
    username = fields.String(metadata=_NAME)
    password = fields.String(metadata={"format": "password"})
    refresh_token = fields.String()
    scope = fields.String()
    client_id = fields.String()
    client_secret = fields.String()


class TokensOut(Schema):
    """Both tokens of a session (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(
        required=True, metadata={"description": "Seconds that the access token lives."}
    )


class AccessTokenOut(Schema):
    """An access token with a fresh `auth_time`; the session and its refresh token stay."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(required=True)


class ReauthenticateIn(Schema):
    """The caller's own password."""

    password = Password(required=True, refuse_surrogates=False)


class EmailIn(Schema):
    """An address, known or not."""

    email = EmailField(required=True)


class ResetConfirmIn(Schema):
    """The token of the mail, and the password that it sets."""

    token = fields.String(required=True)
    new_password = Password(required=True)


class VerifyIn(Schema):
    """The token of the mail, with one proof: a session, the password, or a new password."""

    token = fields.String(required=True)
    password = Password(refuse_surrogates=False)
    new_password = Password()
