"""One's own account."""

from typing import Any

from flask import Response

from gatehouse.guessing import GuessingThrottled, WrongPassword
from gatehouse.infra.hashing import HashQueueFull
from gatehouse.users.errors import (
    EmailTaken,
    LastSuperAdmin,
    PasswordChangedMeanwhile,
    UsernameTaken,
    UserNotFound,
)
from gatehouse.users.rendering import document, render
from gatehouse.users.routes.blueprint import blp
from gatehouse.users.routes.guards import careful_with_email
from gatehouse.users.schemas import OwnPatch, PasswordChange, UserOut
from gatehouse.users.service import deletion, passwords, profile
from gatehouse.web import access, conditional
from gatehouse.web.denials import ApiKeyNotAllowed
from gatehouse.web.transaction import in_unit


@blp.get("/users/me")
@access.user
@blp.response(200, UserOut, etag=True, description="The caller's account.")
def show_me() -> Response:
    """Show one's own account."""
    # What the access check has read is enough: no second query.
    who = access.principal()
    return conditional.answer(render(who.user, who.roles), version=who.user["version"])


@blp.patch("/users/me")
@access.user
@blp.arguments(OwnPatch, allow_surrogates=True)
@careful_with_email
@blp.refuses(EmailTaken, UsernameTaken, UserNotFound, ApiKeyNotAllowed)
@blp.refuses(WrongPassword, GuessingThrottled, HashQueueFull)
@blp.response(200, UserOut, etag=True, description="The account as it is now.")
def change_me(body: dict[str, Any]) -> Response:
    """Change one's own account.

    Absent members stay as they are. Another `email` needs `current_password`, and takes effect
    when the new address is confirmed; until then it is `pending_email`.
    """
    who = access.principal()
    row = profile.change(
        who.user_id,
        body,
        actor=who,
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
    return conditional.answer(document(row), version=row.version)


@blp.delete("/users/me")
@access.user
@access.fresh
@in_unit
@blp.refuses(LastSuperAdmin, UserNotFound)
@blp.response(204, etag=True, description="The account is deleted.")
def delete_me() -> None:
    """Delete one's own account and end its sessions.

    An administrator can restore it for some time. Needs a log-in within the last ten minutes.
    """
    who = access.principal()
    deletion.delete(
        who.user_id,
        actor=who,
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )


@blp.post("/users/me/password")
@access.user
@access.no_api_key
@blp.arguments(PasswordChange, allow_surrogates=True)
@blp.refuses(WrongPassword, GuessingThrottled, HashQueueFull, PasswordChangedMeanwhile)
@blp.response(204, description="The password is replaced.")
def change_password(body: dict[str, Any]) -> None:
    """Replace one's own password and end all other sessions."""
    passwords.change_own(access.principal(), **body, origin=access.origin())
