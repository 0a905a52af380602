"""The slot of the second factor: a feature that brings one says when it is due.

It is asked after a right password, in the unit that would open the session.
"""

from uuid import UUID

from gatehouse.core.errors import Refusal
from gatehouse.feature import slots


def refusal(user_id: UUID) -> Refusal | None:
    """Return the refusal that asks a person for their second step, or None when none is due."""
    for ask in slots().second_factors:
        asked = ask(user_id)
        if asked is not None:
            return asked
    return None
