"""The events of guessing."""

from gatehouse.core.events import Event
from gatehouse.infra.metrics import Counter


class GuessingEvent(Event):
    """What a throttle does; who guesses at which door is told by that door."""

    THROTTLED = "login.throttled"


LOCKS = Counter("gatehouse_account_locks_total", "Passwords not looked at: too many were wrong.")
