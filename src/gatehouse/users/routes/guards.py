"""What some members of a body ask for besides the lock of the door."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import request

from gatehouse.core.network import bucket
from gatehouse.infra import limits
from gatehouse.users.vocabulary import EMAIL_CHANGE, SIGN_UP, UserPermission
from gatehouse.web import access

View = TypeVar("View", bound=Callable[..., Any])


def limited_sign_up(view: View) -> View:
    """Count every attempt by the address of whoever is no administrator, before it is parsed."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        if not _is_administrator():
            limits.hit(SIGN_UP, bucket(request.remote_addr))
        return view(*args, **kwargs)

    return limits.described(SIGN_UP)(limited)  # type: ignore[return-value]


def careful_with_roles(view: View) -> View:
    """Ask an administrator who hands out roles at creation for what `PUT …/roles` asks."""

    @wraps(view)
    def guarded(body: dict[str, Any]) -> Any:
        if "roles" in body and _is_administrator():
            access.session_id()
            access.require_fresh()
        return view(body)

    return guarded  # type: ignore[return-value]


def careful_with_email(view: View) -> View:
    """Where the body names an e-mail: limit, no API key, and for another's a fresh log-in."""

    @wraps(view)
    def guarded(body: dict[str, Any], **kwargs: Any) -> Any:
        if "email" in body:
            limits.hit(EMAIL_CHANGE, bucket(request.remote_addr))
            access.session_id()
            who = access.principal()
            if kwargs.get("user_id", who.user_id) != who.user_id:
                access.require_fresh()
        return view(body, **kwargs)

    return limits.described(EMAIL_CHANGE)(guarded)  # type: ignore[return-value]


def fresh_for_oneself(view: View) -> View:
    """Ask whoever acts upon their own account for a fresh log-in."""

    @wraps(view)
    def guarded(**kwargs: Any) -> Any:
        if kwargs["user_id"] == access.principal().user_id:
            access.require_fresh()
        return view(**kwargs)

    return guarded  # type: ignore[return-value]


def _is_administrator() -> bool:
    who = access.principal_or_none()
    return who is not None and who.may(UserPermission.CREATE)
