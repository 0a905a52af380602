"""The first authenticator of `web.access`: a Bearer access token and its living session."""

from flask import Request, g

from gatehouse.auth import access_tokens, repository
from gatehouse.core.principal import Principal
from gatehouse.web.access import bearer_token
from gatehouse.web.denials import InvalidToken


def authenticate(request: Request) -> Principal | None:
    """Return the caller; None without an Authorization header; raises InvalidToken."""
    token = bearer_token(request)
    if token is None:
        return None
    try:
        claims = access_tokens.verify(token)
    except access_tokens.AccessTokenInvalid:
        raise InvalidToken("It is malformed, forged or expired.") from None
    principal = repository.principal_of(claims)
    if principal is None:
        raise InvalidToken("Its session has ended.")
    # What flask-jwt-extended's get_jwt() and current_user read.
    g._jwt_extended_jwt = dict(claims.claims)
    g._jwt_extended_jwt_user = {"loaded_user": principal}
    return principal
