"""flask-jwt-extended, taught our tokens.

`jwt_required()`, `get_jwt()` and `current_user` work in a resource as its documentation says, and
verify, look up and refuse exactly as the locks of `web.access` do.
"""

from typing import Any

import jwt
from flask import Flask
from flask_jwt_extended import JWTManager

from gatehouse.auth import access_tokens, repository
from gatehouse.core.principal import Principal


class TokenManager(JWTManager):
    """A JWT manager whose tokens are verified by `access_tokens` and belong to living sessions."""

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Attach to `app`; tokens come in the Authorization header alone (RFC 6750, 2.1)."""
        app.config["JWT_TOKEN_LOCATION"] = ["headers"]
        super().init_app(app, add_context_processor)
        self.user_lookup_loader(_principal)

    def _decode_jwt_from_config(
        self, encoded_token: str, csrf_value: Any = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        try:
            return dict(access_tokens.verify(encoded_token).claims)
        except access_tokens.AccessTokenInvalid:
            raise jwt.InvalidTokenError("the token is not valid") from None


def _principal(_header: dict[str, Any], claims: dict[str, Any]) -> Principal | None:
    """Return the caller for flask-jwt-extended's `current_user`; None answers 401."""
    return repository.principal_of(access_tokens.read(claims, ""))
