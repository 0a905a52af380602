"""What a person may have, and what is left of them: export and erasure."""

from typing import Any
from uuid import UUID

from flask import Response

from gatehouse.roles import TargetOutranks
from gatehouse.users.errors import LastSuperAdmin, UserNotFound
from gatehouse.users.export_schema import ExportOut
from gatehouse.users.routes.blueprint import blp
from gatehouse.users.service import erasure, export
from gatehouse.users.vocabulary import EXPORT, UserPermission
from gatehouse.web import access, conditional
from gatehouse.web.json import respond
from gatehouse.web.transaction import in_unit


@blp.get("/users/me/export")
@access.user
@access.fresh
@access.no_api_key
@access.limited(EXPORT)
@blp.refuses(UserNotFound)
@blp.response(200, ExportOut, description="What is kept, as a file to save.")
def export_me() -> Response:
    """Give a person everything that is kept about them.

    No secret is in it, and nothing of anybody else. Needs a log-in within the last ten minutes.
    """
    found: dict[str, Any] = export.export(access.principal().user_id)
    return respond(found, 200, {"Content-Disposition": 'attachment; filename="account.json"'})


@blp.post("/users/<uuid:user_id>/erase")
@access.permission(UserPermission.DELETE)
@access.fresh
@access.no_api_key
@in_unit
@blp.refuses(UserNotFound, TargetOutranks, LastSuperAdmin)
@blp.response(204, etag=True, description="The account is erased.")
def erase(user_id: UUID) -> None:
    """Erase an account for good, whether it was deleted before or not.

    Sessions, mail and whatever else is kept about the person go too. The ledger keeps what
    happened, by ids alone. Needs a log-in within the last ten minutes.
    """
    erasure.erase(
        user_id,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
