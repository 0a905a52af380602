"""The edge's unit of work, for routes whose service does not hash a password.

It closes before any error handler runs, and the answer that it encloses leaves after the commit.
Routes whose service hashes open their units in the service, with no connection held between.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from gatehouse.infra import db
from gatehouse.web import idempotency

View = TypeVar("View", bound=Callable[..., Any])


def in_unit(view: View) -> View:
    """Run the view, and the building of its answer, in one unit of work.

    Where the request has an Idempotency-Key, its answer is stored in the same unit.
    """

    @wraps(view)
    def enclosed(*args: Any, **kwargs: Any) -> Any:
        with db.unit():
            return idempotency.keep(view(*args, **kwargs))

    return enclosed  # type: ignore[return-value]
