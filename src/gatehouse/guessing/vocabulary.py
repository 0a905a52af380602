"""The events of guessing."""

from gatehouse.core.events import Event


class GuessingEvent(Event):
    """What a throttle does; who guesses at which door is told by that door."""

    THROTTLED = "login.throttled"
