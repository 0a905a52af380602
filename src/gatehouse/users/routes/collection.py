"""All accounts: sign-up and the list."""

from typing import Any

from flask import Response

from gatehouse.infra.hashing import HashQueueFull
from gatehouse.users import listing
from gatehouse.users.errors import EmailTaken, RegistrationClosed, RoleOutranks, UsernameTaken
from gatehouse.users.rendering import document
from gatehouse.users.routes.blueprint import blp
from gatehouse.users.routes.guards import careful_with_roles, limited_sign_up
from gatehouse.users.schemas import Accepted, UserCreate, UserFilters, UserOut, UserPage
from gatehouse.users.service import registration
from gatehouse.users.vocabulary import UserPermission
from gatehouse.web import access, conditional, idempotency, pagination
from gatehouse.web.denials import ApiKeyNotAllowed, MissingPermission, StepUpRequired
from gatehouse.web.idempotency import idempotent
from gatehouse.web.json import respond
from gatehouse.web.transaction import in_unit

# The one answer of strict mode, whether the address was known or not.
_ACCEPTED = {
    "status": "accepted",
    "detail": "Read the mail that was sent to this address. A username is chosen after logging in.",
}


@blp.post("/users")
@access.optional_user
@limited_sign_up
@blp.arguments(UserCreate)
@careful_with_roles
@idempotent
@blp.refuses(RegistrationClosed, EmailTaken, UsernameTaken, HashQueueFull)
@blp.refuses(MissingPermission, RoleOutranks, StepUpRequired, ApiKeyNotAllowed)
@blp.response(201, UserOut, etag=True, description="The account was made.")
@blp.response(202, Accepted, description="Where REGISTRATION_ENUMERATION=hide: for everybody.")
def register(body: dict[str, Any]) -> Response:
    """Make an account.

    A mail with a link that verifies the address is sent. Anybody may sign up while REGISTRATION is
    open. With `users:create` an administrator makes an account for somebody else, who has to
    choose a new password at the first log-in.
    """
    who, origin = access.principal_or_none(), access.origin()
    password_hash = registration.admit(body, actor=who, origin=origin)
    return _register(body, password_hash=password_hash, actor=who, origin=origin)


@blp.get("/users")
@access.permission(UserPermission.READ)
@blp.query(UserFilters)
@blp.response(200, UserPage, description="A page of accounts.")
def index(filters: dict[str, Any]) -> Response:
    """List accounts.

    The list may lag behind by a moment where the service reads it from a replica.
    """
    window = pagination.window("users", filters)
    return pagination.answer(
        [document(row) for row in listing.page(filters, window)],
        window,
        key="users",
        total=lambda: listing.count(filters),
    )


@in_unit
def _register(body: dict[str, Any], **told: Any) -> Response:
    row = registration.register(body, **told)
    if row is None:
        return respond(_ACCEPTED, 202)
    idempotency.concerns(row.id)
    response = conditional.answer(document(row), version=row.version, status=201)
    response.headers["Location"] = f"/api/v1/users/{row.id}"
    return response
