"""What administrators do for people."""

from typing import Any
from uuid import UUID

from flask import Response

from gatehouse.roles import TargetOutranks
from gatehouse.sessions import SessionPage
from gatehouse.users.errors import EmailTaken, RetentionOver, UserNotFound
from gatehouse.users.rendering import document
from gatehouse.users.routes.blueprint import blp
from gatehouse.users.schemas import Accepted, UserOut
from gatehouse.users.service import administration, deletion
from gatehouse.users.vocabulary import UserPermission
from gatehouse.web import access, conditional
from gatehouse.web.transaction import in_unit


@blp.post("/users/<uuid:user_id>/restore")
@access.permission(UserPermission.DELETE)
@in_unit
@blp.refuses(UserNotFound, TargetOutranks, EmailTaken, RetentionOver)
@blp.response(200, UserOut, etag=True, description="The account as it is now.")
def restore(user_id: UUID) -> Response:
    """Bring a deleted account back; its sessions stay ended.

    A username that somebody else took meanwhile is theirs, and the account comes back without.
    """
    row = deletion.restore(
        user_id,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
    return conditional.answer(document(row), version=row.version)


@blp.post("/users/<uuid:user_id>/unlock")
@access.permission(UserPermission.UPDATE)
@in_unit
@blp.refuses(UserNotFound, TargetOutranks)
@blp.response(204, description="The guesses are forgotten.")
def unlock(user_id: UUID) -> None:
    """Forget the wrong guesses at a password, so that the person can log in at once."""
    administration.unlock(user_id, actor=access.principal(), origin=access.origin())


@blp.post("/users/<uuid:user_id>/password-reset")
@access.permission(UserPermission.UPDATE)
@blp.refuses(UserNotFound, TargetOutranks)
@blp.response(202, Accepted, description="A mail will be sent, or there were too many.")
def reset_password(user_id: UUID) -> dict[str, str]:
    """Mail a link for a new password to the person; at most five mails an hour."""
    administration.send_password_reset(user_id, actor=access.principal(), origin=access.origin())
    return {"status": "accepted", "detail": "The mail will be sent."}


@blp.get("/users/<uuid:user_id>/sessions")
@access.permission(UserPermission.UPDATE)
@blp.refuses(UserNotFound, TargetOutranks)
@blp.response(200, SessionPage, description="The living sessions.")
def list_sessions(user_id: UUID) -> dict[str, Any]:
    """List the living sessions of a person, the latest first."""
    return {"sessions": administration.sessions_of(user_id, actor=access.principal())}


@blp.delete("/users/<uuid:user_id>/sessions")
@access.permission(UserPermission.UPDATE)
@in_unit
@blp.refuses(UserNotFound, TargetOutranks)
@blp.response(204, description="The sessions have ended.")
def end_sessions(user_id: UUID) -> None:
    """End every session of a person at once, access tokens included."""
    administration.end_sessions_of(user_id, actor=access.principal(), origin=access.origin())
