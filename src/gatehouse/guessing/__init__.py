"""Guessing: how often a password may be tried, and from where."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.guessing.errors import GuessingThrottled, WrongPassword
from gatehouse.guessing.repository import is_known_place, place_values
from gatehouse.guessing.service import (
    Candidate,
    Judgement,
    Verified,
    check_current_password,
    clear,
    export,
    forget,
    judge,
    purge,
    refund,
    remember_place,
)
from gatehouse.guessing.vocabulary import LOCKS, GuessingEvent

__all__ = [
    "Candidate",
    "GuessingThrottled",
    "Judgement",
    "Verified",
    "WrongPassword",
    "check_current_password",
    "clear",
    "feature",
    "forget",
    "is_known_place",
    "judge",
    "place_values",
    "refund",
    "remember_place",
]

feature = Feature(
    name="guessing",
    events=GuessingEvent,
    metrics=(LOCKS,),
    periodic={"guessing.purge": (timedelta(hours=1), purge)},
    export=export,
    erase=forget,
)
