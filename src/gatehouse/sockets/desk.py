"""The desk: the thread that asks the database on behalf of the sockets of a process.

It looks every two seconds which of their sessions live, by one query for all, and judges each
word that is meant for everybody: the right to speak is asked anew, as with every request.
"""

import threading
from collections.abc import Callable
from queue import Empty, Full, Queue
from time import monotonic

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from gatehouse import auth, sessions
from gatehouse.core import clock
from gatehouse.infra import push
from gatehouse.infra.logs import logger
from gatehouse.infra.push import EVERYONE
from gatehouse.infra.sockets import LATER, Connection, Loop, Member
from gatehouse.sockets import messages
from gatehouse.sockets.vocabulary import SESSION_ENDED, SocketPermission, Type

LOOK_SECONDS = 2.0
# However many hints come, the next look is not sooner.
LEAST_SECONDS = 0.25
# For so long sockets stay open while the database does not say whether their sessions live.
UNKNOWN_SECONDS = 30.0
MOST_WAITING = 1000


class Desk(threading.Thread):
    """Works until it is told to stop; no error ends it."""

    def __init__(self, app: Flask, loop: Loop) -> None:
        super().__init__(name="sockets-desk", daemon=True)
        self._app = app
        self._loop = loop
        self._work: Queue[Callable[[], None]] = Queue(MOST_WAITING)
        self._is_hinted = False
        self._is_open = True
        self._looked_at = self._known_at = monotonic()

    # From any thread; False where too much is waiting:

    def look(self) -> bool:
        """Look soon which sessions live, because some of them may have ended."""
        self._is_hinted = True
        return self._put(lambda: None)

    def broadcast(self, connection: Connection, words: str) -> bool:
        """Say something to everybody on behalf of a client that may."""
        return self._put(lambda: self._broadcast(connection, words))

    def announce(self, kind: Type, member: Member) -> bool:
        """Tell everybody of a client that has come or gone."""
        return self._put(lambda: self._say(kind, member))

    def stop(self, *, seconds: float = 2.0) -> None:
        """Finish what is waiting, and end."""
        self._put(self._close)
        self.join(seconds)

    # In its own thread:

    def run(self) -> None:
        """Work."""
        while self._is_open:
            try:
                work = self._work.get(timeout=max(0.0, self._next_look() - monotonic()))
            except Empty:
                work = self._look
            with self._app.app_context():
                try:
                    work()
                    if monotonic() >= self._next_look():
                        self._look()
                except Exception as error:
                    logger.error("sockets_desk_failed", exc_info=error)

    def _next_look(self) -> float:
        return self._looked_at + (LEAST_SECONDS if self._is_hinted else LOOK_SECONDS)

    def _look(self) -> None:
        """Close the sockets of sessions that do not live, or all if nobody can say for too long."""
        self._is_hinted = False
        self._looked_at = monotonic()
        here = self._loop.sessions()
        try:
            dead = here - sessions.living_among(here) if here else set()
        except SQLAlchemyError as error:
            if monotonic() - self._known_at > UNKNOWN_SECONDS:
                logger.warning("sockets_closed", sessions=len(here), error=type(error).__name__)
                self._loop.end_all(LATER, "sessions_unknown")
            return
        self._known_at = monotonic()
        if dead:
            self._loop.end(dead, SESSION_ENDED, "session_ended")

    def _broadcast(self, connection: Connection, words: str) -> None:
        member = connection.member
        try:
            permissions = auth.permissions_in(member.session_id, user_id=member.user_id)
        except SQLAlchemyError:
            self._loop.tell(connection, messages.BUSY)
            return
        if permissions is None:
            self._is_hinted = True
        elif SocketPermission.BROADCAST not in permissions:
            self._loop.tell(connection, messages.NOT_ALLOWED)
        else:
            self._say(Type.BROADCAST, member, words)

    def _say(self, kind: Type, member: Member, words: str = "") -> None:
        push.publish(messages.spoken(kind, member, words, at=clock.now()), to=EVERYONE)

    def _put(self, work: Callable[[], None]) -> bool:
        try:
            self._work.put_nowait(work)
        except Full:
            return False
        return True

    def _close(self) -> None:
        self._is_open = False
