"""What a lock is, for those who read it: the start, the API description, the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import Flask

from gatehouse.core.permissions import Permission


class Kind(StrEnum):
    """What a lock asks for."""

    PUBLIC = "public"
    OPTIONAL_USER = "optional_user"
    USER = "user"
    SELF_OR = "self_or"
    PERMISSION = "permission"
    REFRESH_TOKEN = "refresh_token"
    ONE_TIME = "one_time"
    METRICS_TOKEN = "metrics_token"


@dataclass(frozen=True, slots=True)
class Lock:
    """One door's lock, as the architecture tests and the API description read it."""

    kind: Kind
    permission: Permission | None = None
    purpose: str | None = None
    is_fresh: bool = False
    is_closed_to_api_keys: bool = False


def lock_of(view: Callable[..., Any]) -> Lock | None:
    """Return the lock that a view names, or None."""
    return getattr(view, "_lock", None)


def refuse_unlocked(app: Flask) -> None:
    """Raise RuntimeError if a route of `app` names no lock."""
    open_doors = sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if not lock_of(app.view_functions[rule.endpoint])
    )
    if open_doors:
        raise RuntimeError(f"these routes name no lock: {', '.join(open_doors)}")
