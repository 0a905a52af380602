"""/roles and /permissions: what people may do, by name."""

from typing import Any
from uuid import UUID

from flask import Response

from gatehouse.infra import cache, db
from gatehouse.roles import repository, rights, service
from gatehouse.roles.errors import (
    BuiltInRole,
    RoleExists,
    RoleInUse,
    RoleNotFound,
    TargetOutranks,
    UnknownPermission,
)
from gatehouse.roles.models import roles
from gatehouse.roles.schemas import (
    PermissionList,
    RoleCreate,
    RoleFilters,
    RoleOut,
    RolePage,
    RolePatch,
)
from gatehouse.roles.vocabulary import RolePermission
from gatehouse.web import access, conditional, pagination
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.idempotency import idempotent
from gatehouse.web.json import respond
from gatehouse.web.transaction import in_unit

blp = Blueprint("roles", url_prefix="/api/v1", description="Roles and what they hold.")

# Made from the code: the same in every process, and made faster than Redis could be asked.
CATALOGUE = cache.Space("permissions", is_local=True)


@blp.get("/permissions")
@access.permission(RolePermission.READ)
@blp.response(200, PermissionList, description="All permissions.")
def list_permissions() -> Response:
    """List every permission that a role can hold."""
    return respond(cache.read_through(CATALOGUE, "", _catalogue))


@blp.get("/roles")
@access.permission(RolePermission.READ)
@blp.query(RoleFilters)
@blp.response(200, RolePage, description="A page of roles.")
def list_roles(args: dict[str, Any]) -> Response:
    """List the roles by name."""
    window = pagination.window("roles", args)
    statement = pagination.apply(
        repository.all_roles(), window, keys=[roles.c.name], descending=False
    )
    rows = pagination.cut(db.replica.rows(statement), window)
    return pagination.answer(
        [service.shown(row) for row in rows], window, key="roles", total=repository.count
    )


@blp.post("/roles")
@access.permission(RolePermission.WRITE)
@access.fresh
@access.no_api_key
@blp.refuses(RoleExists, TargetOutranks, UnknownPermission)
@blp.arguments(RoleCreate)
@idempotent
@in_unit
@blp.response(201, RoleOut, etag=True, description="The role was made.")
def create_role(body: dict[str, Any]) -> Response:
    """Create a role; you have to hold all its permissions yourself."""
    row = service.create(body, actor=access.principal(), origin=access.origin())
    headers = {
        "Location": f"/api/v1/roles/{row.id}",
        "ETag": conditional.etag(row.version),
    }
    return respond(service.shown(row), 201, headers)


@blp.get("/roles/<uuid:role_id>")
@access.permission(RolePermission.READ)
@blp.refuses(RoleNotFound)
@blp.response(200, RoleOut, etag=True, description="The role.")
def show_role(role_id: UUID) -> Response:
    """Show a role."""
    row = service.by_id(role_id)
    return conditional.answer(service.shown(row), version=row.version)


@blp.patch("/roles/<uuid:role_id>")
@access.permission(RolePermission.WRITE)
@access.fresh
@access.no_api_key
@blp.refuses(RoleNotFound, BuiltInRole, RoleExists, RoleInUse, TargetOutranks, UnknownPermission)
@blp.arguments(RolePatch)
@in_unit
@blp.response(200, RoleOut, etag=True, description="The role as it is now.")
def change_role(body: dict[str, Any], role_id: UUID) -> Response:
    """Change a role; you have to hold all its permissions, those before and those after.

    People who have it feel the change with their next request. Built-in roles stay as they are.
    """
    row = service.change(
        role_id,
        body,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )
    return conditional.answer(service.shown(row), version=row.version)


@blp.delete("/roles/<uuid:role_id>")
@access.permission(RolePermission.WRITE)
@access.fresh
@access.no_api_key
@blp.refuses(RoleNotFound, BuiltInRole, RoleInUse, TargetOutranks)
@in_unit
@blp.response(204, etag=True, description="The role is deleted.")
def delete_role(role_id: UUID) -> None:
    """Delete a role that nobody has."""
    service.delete(
        role_id,
        actor=access.principal(),
        origin=access.origin(),
        expected_versions=conditional.expected_versions(),
    )


def _catalogue() -> dict[str, Any]:
    return {"permissions": [{"name": name} for name in sorted(rights.catalogue())]}
