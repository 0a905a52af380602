"""The hall: where the sockets of a process are greeted, hear what is pushed, and may speak.

It is the handler of the loop, whose thread never waits: what needs the database goes to the desk.
"""

import orjson
from flask import Flask

from gatehouse.infra import push
from gatehouse.infra.push import Message
from gatehouse.infra.sockets import Connection, Loop, frame
from gatehouse.settings import Settings
from gatehouse.sockets import messages
from gatehouse.sockets.desk import Desk
from gatehouse.sockets.notices import ENDING
from gatehouse.sockets.vocabulary import Type


class Hall:
    """All sockets of one application in one process."""

    def __init__(self, app: Flask, loop: Loop) -> None:
        settings: Settings = app.config["SETTINGS"]
        self._app = app
        self._loop = loop
        self._is_broadcasting = settings.ws_broadcast
        self._desk = Desk(app, loop)
        self._desk.start()
        push.listen(app, self.hear)

    def hear(self, message: Message) -> None:
        """Pass on what was pushed, and look at sessions that may have ended by it."""
        if not self._loop.has(message.to):
            return
        self._loop.send(message)
        if message.to.user_id is not None:
            told = orjson.loads(message.text)
            if told.get("type") == Type.NOTICE and told.get("event") in ENDING:
                self._desk.look()

    def opened(self, connection: Connection) -> None:
        """Greet a client, and tell everybody of one that may speak."""
        connection.send(frame(messages.greeting(connection.member)))
        if connection.member.may_broadcast:
            self._desk.announce(Type.JOINED, connection.member)

    def said(self, connection: Connection, text: str) -> None:
        """Take a message of a client to the desk, or refuse it."""
        try:
            words = messages.read(text)
        except messages.NotUnderstood as error:
            reply = error.reply
        else:
            if not self._is_broadcasting:
                reply = messages.OFF
            elif self._desk.broadcast(connection, words):
                return
            else:
                reply = messages.BUSY
        connection.send(frame(reply))

    def closed(self, connection: Connection) -> None:
        """Tell everybody of one that has gone, if its coming was told."""
        if connection.member.may_broadcast:
            self._desk.announce(Type.LEFT, connection.member)

    def stop(self) -> None:
        """Hear nothing more, and close the desk."""
        push.stop_listening(self._app)
        self._desk.stop()
