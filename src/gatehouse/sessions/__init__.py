"""Sessions: one row a log-in, its refresh tokens, and how it ends."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.sessions import refresh_tokens
from gatehouse.sessions.accounts import ACCOUNTS, is_open
from gatehouse.sessions.errors import RefreshTokenInvalid, SessionNotFound
from gatehouse.sessions.models import Session
from gatehouse.sessions.repository import is_living, is_unended
from gatehouse.sessions.schemas import SessionPage
from gatehouse.sessions.service import (
    carry_along,
    end,
    export,
    forget,
    list_of,
    living_among,
    purge,
    refresh,
    revoke_all,
    start,
)
from gatehouse.sessions.vocabulary import SessionEvent

__all__ = [
    "ACCOUNTS",
    "RefreshTokenInvalid",
    "Session",
    "SessionEvent",
    "SessionNotFound",
    "SessionPage",
    "carry_along",
    "end",
    "feature",
    "is_living",
    "is_open",
    "is_unended",
    "list_of",
    "living_among",
    "refresh",
    "refresh_tokens",
    "revoke_all",
    "start",
]

feature = Feature(
    name="sessions",
    events=SessionEvent,
    periodic={"sessions.purge": (timedelta(hours=1), purge)},
    export=export,
    erase=forget,
)
