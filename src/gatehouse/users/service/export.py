"""Everything that is kept about a person, gathered from every feature."""

from typing import Any
from uuid import UUID

from gatehouse.core import clock
from gatehouse.feature import slots
from gatehouse.infra import mail
from gatehouse.users import repository
from gatehouse.users.errors import UserNotFound
from gatehouse.users.rendering import document


def export(user_id: UUID) -> dict[str, Any]:
    """Return what is kept about a person; no hash, no secret, nothing of anybody else."""
    data: dict[str, Any] = {}
    for sections_of in slots().exports.values():
        data |= sections_of(user_id)
    return {"exported_at": clock.now(), "data": data}


def sections(user_id: UUID) -> dict[str, Any]:
    """Return what this feature keeps: the account, and mail to the person."""
    row = repository.by_id(user_id)
    if row is None:
        raise UserNotFound
    account = document(row)
    # Whoever made the account is somebody else.
    del account["created_by"]
    return {"account": account, "mail": mail.export(user_id)}
