"""Logging in, staying in and getting out."""

from typing import Any
from uuid import UUID

from flask import Response
from flask import request as http

from gatehouse import sessions
from gatehouse.auth import login, oauth
from gatehouse.auth.errors import (
    InvalidCredentials,
    InvalidGrant,
    PasswordChangeRequired,
    UnsupportedGrantType,
)
from gatehouse.auth.schemas import (
    AccessTokenOut,
    JwkSetOut,
    LoginIn,
    ReauthenticateIn,
    RefreshIn,
    TokenForm,
    TokensOut,
)
from gatehouse.auth.vocabulary import LOGIN, REFRESH
from gatehouse.guessing import GuessingThrottled, WrongPassword
from gatehouse.infra import hashing, keys, limits
from gatehouse.infra.hashing import HashQueueFull
from gatehouse.infra.keys import NoSigningKey
from gatehouse.sessions import RefreshTokenInvalid, SessionNotFound, SessionPage
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.errors import DatabaseUnavailable
from gatehouse.web.json import respond
from gatehouse.web.transaction import in_unit

GUESSING = (GuessingThrottled, HashQueueFull)

blueprint = Blueprint(
    "auth",
    url_prefix="/api/v1/auth",
    description="Log-in, sessions, verification of addresses and recovery of passwords.",
)
well_known = Blueprint(
    "well-known",
    url_prefix="/.well-known",
    description="What other services need to verify access tokens.",
)


@blueprint.post("/token")
@limits.by_address(REFRESH)
@access.public
@blueprint.form(TokenForm)
@blueprint.refuses(*GUESSING, InvalidGrant, UnsupportedGrantType, PasswordChangeRequired)
@blueprint.refuses(NoSigningKey)
@blueprint.response(200, TokensOut, description="Both tokens.")
def token(form: dict[str, Any]) -> Any:
    """Get tokens by OAuth2 password or refresh grant.

    For the operator's own clients only: a client that asks for passwords must be trusted with
    them. Errors carry `error` and `error_description` of RFC 6749 as well.
    """
    return oauth.token(form, origin=access.origin())


@blueprint.post("/login")
@hashing.room_first
@limits.by_address(LOGIN)
@access.public
@blueprint.arguments(LoginIn, allow_surrogates=True)
@blueprint.refuses(*GUESSING, InvalidCredentials, PasswordChangeRequired, NoSigningKey)
@blueprint.response(200, TokensOut, description="Both tokens.")
def log_in(body: dict[str, Any]) -> Any:
    """Log in.

    Opens a session. Unknown name, wrong password and inactive account answer alike.
    """
    return login.log_in(body["username"], body["password"], origin=access.origin())


@blueprint.post("/refresh")
@limits.by_address(REFRESH)
@access.refresh_token
@blueprint.arguments(RefreshIn, required=False)
@blueprint.refuses(RefreshTokenInvalid, NoSigningKey)
@blueprint.response(200, TokensOut, description="Both tokens.")
def refresh(body: dict[str, Any]) -> Any:
    """Spend a refresh token for new tokens.

    Send it as Bearer token, or as `refresh_token` in the body. A token works once; the same client
    may repeat a lost answer for ten seconds, any other second use ends the session.
    """
    sent = body.get("refresh_token") or access.bearer_token(http) or ""
    return login.refresh(sent, origin=access.origin())


@blueprint.post("/logout")
@access.user
@access.no_api_key
@in_unit
@blueprint.refuses(SessionNotFound)
@blueprint.response(204, description="The session has ended.")
def log_out() -> None:
    """End the caller's session.

    Its access and refresh tokens are dead at once; other sessions live on.
    """
    user_id = access.principal().user_id
    sessions.end(access.session_id(), user_id=user_id, origin=access.origin())


@blueprint.post("/reauthenticate")
@limits.by_address(LOGIN)
@access.user
@access.no_api_key
@blueprint.arguments(ReauthenticateIn, allow_surrogates=True)
@blueprint.refuses(*GUESSING, WrongPassword, NoSigningKey)
@blueprint.response(200, AccessTokenOut, description="An access token.")
def reauthenticate(body: dict[str, Any]) -> Any:
    """Confirm that it is you.

    Gives an access token of the same session whose log-in counts as fresh for ten minutes.
    """
    return login.reauthenticate(
        access.principal(),
        body["password"],
        session_id=access.session_id(),
        origin=access.origin(),
    )


@blueprint.get("/sessions")
@access.user
@access.no_api_key
@blueprint.response(200, SessionPage, description="The living sessions.")
def list_sessions() -> Response:
    """List the caller's living sessions, the latest first."""
    caller = access.principal()
    return respond({"sessions": sessions.list_of(caller.user_id, current_id=caller.session_id)})


@blueprint.delete("/sessions")
@access.user
@access.no_api_key
@in_unit
@blueprint.response(204, description="The other sessions have ended.")
def end_other_sessions() -> None:
    """End all other sessions of the caller.

    Their access and refresh tokens are dead at once; the present session lives on.
    """
    login.end_other_sessions(access.principal(), origin=access.origin())


@blueprint.delete("/sessions/<uuid:session_id>")
@access.user
@access.no_api_key
@in_unit
@blueprint.refuses(SessionNotFound)
@blueprint.response(204, description="The session has ended.")
def end_session(session_id: UUID) -> None:
    """End one session of the caller.

    Its access and refresh tokens are dead at once. It may be the present one.
    """
    sessions.end(session_id, user_id=access.principal().user_id, origin=access.origin())


@well_known.get("/jwks.json")
@access.public
@well_known.refuses(DatabaseUnavailable)
@well_known.response(200, JwkSetOut, description="The keys, for five minutes.")
def jwks() -> Response:
    """Get the public keys of access tokens.

    A JSON Web Key Set (RFC 7517). Other services verify our access tokens with it.
    """
    return respond(keys.current().jwks(), headers={"Cache-Control": "public, max-age=300"})
