"""The token endpoint of RFC 6749, for the operator's own clients (section 4.3 and 6)."""

from collections.abc import Mapping
from typing import Any

from gatehouse.auth import login
from gatehouse.auth.errors import (
    InvalidCredentials,
    InvalidGrant,
    UnsupportedGrantType,
)
from gatehouse.auth.vocabulary import LOGIN
from gatehouse.core.network import bucket
from gatehouse.core.principal import Origin
from gatehouse.infra import limits
from gatehouse.sessions import RefreshTokenInvalid
from gatehouse.web.refusals import InvalidForm


def token(form: Mapping[str, Any], *, origin: Origin) -> login.Tokens:
    """Grant tokens by password or refresh token.

    Raises InvalidForm, UnsupportedGrantType, InvalidGrant and what a log-in raises.
    """
    grant_type = form.get("grant_type")
    if grant_type == "password":
        name, password = _required(form, "username"), _required(form, "password")
        limits.hit(LOGIN, bucket(origin.address))
        try:
            return login.log_in(name, password, origin=origin)
        except InvalidCredentials as refusal:
            raise InvalidGrant(refusal.title) from None
    if grant_type == "refresh_token":
        try:
            return login.refresh(_required(form, "refresh_token"), origin=origin)
        except RefreshTokenInvalid as refusal:
            raise InvalidGrant(refusal.title) from None
    if not grant_type:
        raise InvalidForm("The parameter grant_type is missing.")
    raise UnsupportedGrantType


def _required(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if not value:
        raise InvalidForm(f"The parameter {name} is missing.")
    return str(value)
