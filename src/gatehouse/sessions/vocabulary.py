"""The events of sessions."""

from gatehouse.core.events import Event


class SessionEvent(Event):
    """What happens to a session."""

    STARTED = "session.started"
    ENDED = "session.ended"
    ALL_ENDED = "session.all_ended"
    REUSE_DETECTED = "session.reuse_detected"
