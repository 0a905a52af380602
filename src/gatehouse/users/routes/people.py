"""One account by its id: one's own, or another's with the permission."""

from typing import Any
from uuid import UUID

from flask import Response

from gatehouse import roles
from gatehouse.guessing import GuessingThrottled, WrongPassword
from gatehouse.infra.hashing import HashQueueFull
from gatehouse.roles import TargetOutranks
from gatehouse.users.errors import (
    EmailTaken,
    LastSuperAdmin,
    RoleOutranks,
    UsernameTaken,
    UserNotFound,
)
from gatehouse.users.rendering import document
from gatehouse.users.routes.blueprint import blp
from gatehouse.users.routes.guards import careful_with_email, fresh_for_oneself
from gatehouse.users.schemas import RoleNames, UserOut, UserPatch
from gatehouse.users.service import deletion, profile, roles_of
from gatehouse.users.vocabulary import UserPermission
from gatehouse.web import access, conditional
from gatehouse.web.denials import ApiKeyNotAllowed, StepUpRequired
from gatehouse.web.transaction import in_unit


@blp.get("/users/<uuid:user_id>")
@access.self_or(UserPermission.READ)
@blp.refuses(UserNotFound)
@blp.response(200, UserOut, etag=True, description="The account.")
def show(user_id: UUID) -> Response:
    """Show an account."""
    row = profile.show(user_id)
    return conditional.answer(document(row), version=row.version)


@blp.patch("/users/<uuid:user_id>")
@access.self_or(UserPermission.UPDATE)
@blp.arguments(UserPatch, allow_surrogates=True)
@careful_with_email
@blp.refuses(UserNotFound, EmailTaken, UsernameTaken, TargetOutranks, LastSuperAdmin)
@blp.refuses(WrongPassword, GuessingThrottled, HashQueueFull)
@blp.refuses(StepUpRequired, ApiKeyNotAllowed)
@blp.response(200, UserOut, etag=True, description="The account as it is now.")
def change(body: dict[str, Any], user_id: UUID) -> Response:
    """Change an account.

    An administrator also sets `is_active`, and changes an `email` without the password after a
    fresh log-in; it takes effect when the new address is confirmed, and the old one is told.
    """
    row = profile.change(
        user_id,
        body,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
    return conditional.answer(document(row), version=row.version)


@blp.delete("/users/<uuid:user_id>")
@access.self_or(UserPermission.DELETE)
@fresh_for_oneself
@in_unit
@blp.refuses(UserNotFound, TargetOutranks, LastSuperAdmin, StepUpRequired)
@blp.response(204, etag=True, description="The account is deleted.")
def delete(user_id: UUID) -> None:
    """Delete an account and end its sessions.

    It can be restored for some time. One's own needs a log-in within the last ten minutes.
    """
    deletion.delete(
        user_id,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )


@blp.put("/users/<uuid:user_id>/roles")
@access.permission(roles.RolePermission.ASSIGN)
@access.fresh
@access.no_api_key
@blp.arguments(RoleNames)
@in_unit
@blp.refuses(UserNotFound, TargetOutranks, RoleOutranks, LastSuperAdmin)
@blp.response(200, UserOut, etag=True, description="The account with its new roles.")
def put_roles(body: dict[str, Any], user_id: UUID) -> Response:
    """Give a person exactly these roles.

    In force with the next request, also for tokens already issued.
    """
    row = roles_of.replace(
        user_id,
        body["roles"],
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
    return conditional.answer(document(row), version=row.version)
