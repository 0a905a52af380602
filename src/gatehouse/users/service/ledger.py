"""What happens to an account, written to the ledger beside the act."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gatehouse import audit
from gatehouse.core.events import Event
from gatehouse.core.principal import Origin, Principal


def record(
    event: Event,
    user_id: UUID | None,
    *,
    actor: Principal | None,
    origin: Origin,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record what `actor` (None: the command line, or a stranger) did to an account."""
    audit.record(event, actor_id=id_of(actor), subject_id=user_id, origin=origin, details=details)


def id_of(actor: Principal | None) -> UUID | None:
    """Return the id of the actor, None for the command line."""
    return None if actor is None else actor.user_id
