"""Push: a message to whoever has a socket open now, in this process or in another one.

    push.publish({"type": "notice", "event": "roles.changed"}, to=Audience(user_id=person.id))

It leaves with the commit of the unit that published it, and never if that is rolled back; outside
of a unit it leaves at once. Processes hear each other by Redis, without it a process hears itself.
Nothing is kept for later: what must not be lost is written down elsewhere as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from uuid import UUID, uuid4

import orjson
import redis
from flask import Flask, current_app

from gatehouse.infra import db
from gatehouse.infra.logs import logger
from gatehouse.infra.push.subscriber import Subscriber
from gatehouse.infra.redis import ERRORS, EXTENSION, Breaker, listening_client
from gatehouse.settings import Settings

CHANNEL = "gatehouse.push"
MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears a message: one person on all their sockets, one session, or (neither) everyone."""

    user_id: UUID | None = None
    session_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.user_id is not None and self.session_id is not None:
            raise ValueError("a message goes to a person or to a session, not to both")


EVERYONE = Audience()


@dataclass(frozen=True, slots=True)
class Message:
    """What is pushed: a JSON object, kept as text, and to whom it goes."""

    to: Audience
    text: str

    def encode(self, *, sender: str) -> bytes:
        """Return what other processes are told."""
        told = {
            "from": sender,
            "user_id": self.to.user_id,
            "session_id": self.to.session_id,
            "text": self.text,
        }
        return orjson.dumps(told)

    @classmethod
    def decode(cls, data: bytes, *, listener: str) -> Self | None:
        """Return what another process told, None if that was `listener` itself."""
        told = orjson.loads(data)
        if told["from"] == listener:
            return None
        ids = (told["user_id"], told["session_id"])
        return cls(
            Audience(*(None if one is None else UUID(one) for one in ids)), str(told["text"])
        )


Receive = Callable[[Message], None]


class _Channel:
    """The way of messages, for one application in one process."""

    def __init__(self, client: redis.Redis | None, settings: Settings) -> None:
        self._client = client
        self._url = settings.redis_url
        self._breaker = Breaker("redis, for push")
        # Channels are common to all databases of a Redis, and each of those is another service's.
        number = client.connection_pool.connection_kwargs.get("db") or 0 if client else 0
        self._name = f"{CHANNEL}.{number}"
        self._own_id = ""
        self._receive: Receive | None = None
        self._subscriber: Subscriber | None = None

    def listen(self, receive: Receive) -> None:
        # Made in the process that listens: those forked from one parent must not be alike.
        self._own_id = uuid4().hex
        self._receive = receive
        if self._url is not None:
            connect = partial(listening_client, self._url)
            self._subscriber = Subscriber(connect, self._name, self._hear)
            self._subscriber.start()
            self._subscriber.wait_until_heard()

    def stop(self) -> None:
        self._receive = None
        if self._subscriber is not None:
            self._subscriber.stop()
            self._subscriber = None

    def send(self, message: Message) -> None:
        """Tell this process, then the others; whoever does not answer costs the message only."""
        if self._receive is not None:
            self._receive(message)
        if self._client is not None and self._breaker.allows():
            try:
                self._client.publish(self._name, message.encode(sender=self._own_id))
                self._breaker.succeeded()
            except ERRORS as error:
                self._breaker.failed(error)

    def _hear(self, data: bytes) -> None:
        try:
            message = Message.decode(data, listener=self._own_id)
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("push_not_understood", error=type(error).__name__)
            return
        receive = self._receive
        if message is not None and receive is not None:
            receive(message)


_CHANNEL = "gatehouse.push"


def init_app(app: Flask, settings: Settings) -> None:
    """Let `app` push; needs `redis.init_app` before, connects to nothing."""
    app.extensions[_CHANNEL] = _Channel(app.extensions[EXTENSION], settings)


def publish(payload: Mapping[str, Any], *, to: Audience) -> None:
    """Push a JSON object with a `type`; raises ValueError if it is larger than 64 kB.

    The answer does not wait for anybody: without Redis, or while it is away, only this process
    hears it.
    """
    data = orjson.dumps(payload, option=orjson.OPT_UTC_Z)
    if len(data) > MOST_BYTES:
        raise ValueError(f"a pushed message has at most {MOST_BYTES} bytes")
    message, channel = Message(to, data.decode()), _of(current_app)
    if db.is_in_unit():
        db.after_commit(lambda: channel.send(message))
    else:
        channel.send(message)


def listen(app: Flask, receive: Receive) -> None:
    """Call `receive` with every message from now on, in the thread that brings it.

    It must neither wait nor raise. Returns when this process is heard by others too, or after a
    second without Redis, which it goes on looking for.
    """
    _of(app).listen(receive)


def stop_listening(app: Flask) -> None:
    """End what `listen` began."""
    _of(app).stop()


def _of(app: Flask) -> _Channel:
    channel: _Channel = app.extensions[_CHANNEL]
    return channel
