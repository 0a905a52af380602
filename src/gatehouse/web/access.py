"""The lock of every door: each route names one, and a route without one stops the start.

A lock stands above the parsing of the request, so that a stranger learns nothing from it:

    @blp.get("/users/<uuid:user_id>")
    @access.self_or(UserPermission.READ)
    @blp.response(200, UserOut)
    def show(user_id): ...

The modifiers `fresh`, `no_api_key` and `limited` stand below the lock. Without the right the
answer is 403 for every id, existing or not.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from flask import Request, current_app, g, request

from gatehouse.core import clock
from gatehouse.core.errors import NotFound, Unauthenticated
from gatehouse.core.permissions import Permission
from gatehouse.core.principal import Origin, Principal
from gatehouse.infra import limits
from gatehouse.settings import settings
from gatehouse.web.denials import (
    FRESH_FOR,
    ApiKeyNotAllowed,
    InvalidToken,
    MissingPermission,
    StepUpRequired,
)
from gatehouse.web.locks import Kind, Lock

View = TypeVar("View", bound=Callable[..., Any])
Authenticator = Callable[[Request], Principal | None]
"""Returns None when the request has no credential of its kind; raises InvalidToken."""

AUTHENTICATORS = "gatehouse.authenticators"
USER_AGENT_LENGTH = 255


def public(view: View) -> View:
    """Let everybody in."""
    return _locked(view, Lock(Kind.PUBLIC), lambda _: None)


def optional_user(view: View) -> View:
    """Let everybody in, and know the caller who sent a credential; a bad one is refused."""
    return _locked(view, Lock(Kind.OPTIONAL_USER), lambda _: _authenticate())


def user(view: View) -> View:
    """Let in whoever has logged in."""
    return _locked(view, Lock(Kind.USER), lambda _: principal())


def self_or(permission: Permission) -> Callable[[View], View]:
    """Let in the person named by the view's `user_id`, and holders of `permission`."""

    def check(arguments: dict[str, Any]) -> None:
        if principal().user_id != arguments["user_id"]:
            _require(permission)

    return lambda view: _locked(view, Lock(Kind.SELF_OR, permission), check)


def permission(permission: Permission) -> Callable[[View], View]:
    """Let in holders of `permission`."""
    return lambda view: _locked(
        view, Lock(Kind.PERMISSION, permission), lambda _: _require(permission)
    )


def refresh_token(view: View) -> View:
    """Leave the check to the service, which spends the refresh token of the request."""
    return _locked(view, Lock(Kind.REFRESH_TOKEN), lambda _: None)


def one_time(purpose: str) -> Callable[[View], View]:
    """Leave the check to the service, which spends the one-time token in its unit of work."""
    return lambda view: _locked(view, Lock(Kind.ONE_TIME, purpose=purpose), lambda _: None)


def metrics_token(view: View) -> View:
    """Let in the holder of METRICS_TOKEN; the door is absent while that is unset."""

    def check(_: dict[str, Any]) -> None:
        expected = settings.metrics_token
        if expected is None:
            raise NotFound
        token = bearer_token(request)
        if token is None:
            raise Unauthenticated
        if not hmac.compare_digest(_bytes(token), _bytes(expected.value)):
            raise InvalidToken

    return _locked(view, Lock(Kind.METRICS_TOKEN), check)


def fresh(view: View) -> View:
    """Ask further for a log-in or a step-up within the last ten minutes (RFC 9470)."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        require_fresh()
        return view(*args, **kwargs)

    guarded._is_fresh = True  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def no_api_key(view: View) -> View:
    """Ask further for a session: no API key opens this door."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        session_id()
        return view(*args, **kwargs)

    guarded._is_closed_to_api_keys = True  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def limited(rule: limits.Rule) -> Callable[[View], View]:
    """Count further how often the caller does this; above `in_unit`, so that no unit waits."""
    return limits.by(rule, lambda: str(principal().user_id))


def require_fresh() -> None:
    """Raise StepUpRequired unless the caller logged in or stepped up recently."""
    if clock.now() - principal().auth_time > FRESH_FOR:
        raise StepUpRequired


def principal() -> Principal:
    """Return who is asking; raises Unauthenticated when nobody is known."""
    known = caller()
    if known is None:
        raise Unauthenticated
    return known


def session_id() -> UUID:
    """Return the caller's session; raises ApiKeyNotAllowed when they came without one."""
    found = principal().session_id
    if found is None:
        raise ApiKeyNotAllowed
    return found


def principal_or_none() -> Principal | None:
    """Return who is asking, if a lock has found out."""
    known: Principal | None = g.get("principal")
    return known


def caller() -> Principal | None:
    """Return who sent a credential, where the lock asks for none; a bad one is refused."""
    return principal_or_none() or _authenticate()


def origin() -> Origin:
    """Return where the present request comes from."""
    return Origin(
        address=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH],
        request_id=g.get("request_id", ""),
    )


def bearer_token(from_request: Request) -> str | None:
    """Return the token of the Authorization header; None without one, InvalidToken if crooked."""
    header = from_request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or len(token) > 4096:
        raise InvalidToken("Send the header as `Authorization: Bearer <token>`.")
    return str(token)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _require(permission: Permission) -> None:
    if not principal().may(permission):
        raise MissingPermission(permission)


def _authenticate() -> Principal | None:
    for authenticator in current_app.extensions[AUTHENTICATORS]:
        found: Principal | None = authenticator(request)
        if found is not None:
            g.principal = found
            return found
    return None


def _locked(view: View, lock: Lock, check: Callable[[dict[str, Any]], Any]) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        check(kwargs)
        return view(*args, **kwargs)

    guarded._lock = replace(  # type: ignore[attr-defined]
        lock,
        is_fresh=getattr(view, "_is_fresh", False),
        is_closed_to_api_keys=getattr(view, "_is_closed_to_api_keys", False),
    )
    return guarded  # type: ignore[return-value]
