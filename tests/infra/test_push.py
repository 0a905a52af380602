"""Push: it leaves with the commit, goes to other processes by Redis, and costs nobody an answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from queue import Empty, Queue
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask

from gatehouse.infra import db, push
from gatehouse.infra.push import EVERYONE, Audience, Message
from tests.infra.conftest import MakeApp
from tests.infra.faults import FaultyProxy

HELLO = {"type": "test", "text": "hällo"}
Heard = Queue[Message]


@pytest.fixture
def listening() -> Iterator[Callable[[Flask], Heard]]:
    """Let applications listen; each has a queue of what it heard."""
    with ExitStack() as stack:

        def listen(app: Flask) -> Heard:
            heard: Heard = Queue()
            push.listen(app, heard.put)
            stack.callback(push.stop_listening, app)
            return heard

        yield listen


Listening = Callable[[Flask], Heard]


def test_a_message_leaves_with_its_unit(infra_app: Flask, listening: Listening) -> None:
    heard = listening(infra_app)
    person = Audience(user_id=uuid4())
    with infra_app.app_context():
        with db.unit():
            push.publish(HELLO, to=person)
            assert heard.empty()
        with suppress(ZeroDivisionError), db.unit():
            push.publish(HELLO, to=EVERYONE)
            raise ZeroDivisionError
    assert heard.get_nowait() == Message(person, '{"type":"test","text":"hällo"}')
    assert heard.empty()


def test_outside_of_a_unit_it_leaves_at_once(infra_app: Flask, listening: Listening) -> None:
    heard = listening(infra_app)
    with infra_app.app_context():
        push.publish(HELLO, to=EVERYONE)
    assert heard.get_nowait().to == EVERYONE


def test_without_a_listener_it_is_gone(infra_app: Flask) -> None:
    with infra_app.app_context():
        push.publish(HELLO, to=EVERYONE)


def test_what_is_too_large_is_a_mistake_of_the_program(infra_app: Flask) -> None:
    with infra_app.app_context(), pytest.raises(ValueError, match="65536"):
        push.publish({"type": "test", "text": "x" * 65_536}, to=EVERYONE)


def test_nobody_is_a_person_and_a_session() -> None:
    with pytest.raises(ValueError, match="not to both"):
        Audience(user_id=uuid4(), session_id=uuid4())


def test_every_process_hears_it_once(
    make_infra_app: MakeApp, listening: Listening, redis_url: str
) -> None:
    apps = [make_infra_app(REDIS_URL=redis_url) for _ in range(3)]
    heard = [listening(app) for app in apps[:2]]
    audiences = [EVERYONE, Audience(user_id=uuid4()), Audience(session_id=uuid4())]
    # The third only speaks, as a command or a Celery worker does.
    for app, audience in zip((apps[0], apps[2], apps[2]), audiences, strict=True):
        with app.app_context():
            push.publish(HELLO, to=audience)
    for queue in heard:
        found = [queue.get(timeout=5) for _ in audiences]
        assert sorted(map(repr, (one.to for one in found))) == sorted(map(repr, audiences))
        assert {one.text for one in found} == {'{"type":"test","text":"hällo"}'}
        with pytest.raises(Empty):
            queue.get(timeout=0.2)


def test_another_database_of_the_same_redis_is_another_service(
    make_infra_app: MakeApp, listening: Listening, redis_url: str
) -> None:
    place, _, number = redis_url.rpartition("/")
    here = make_infra_app(REDIS_URL=redis_url)
    there = make_infra_app(REDIS_URL=f"{place}/{(int(number) + 1) % 16}")
    heard = listening(here)
    with there.app_context():
        push.publish(HELLO, to=EVERYONE)
    with here.app_context():
        push.publish({"type": "mark"}, to=EVERYONE)
    assert heard.get(timeout=5).text == '{"type":"mark"}'
    assert heard.empty()


def test_what_nobody_of_ours_has_said_is_passed_over(
    make_infra_app: MakeApp, listening: Listening, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    app, other = (make_infra_app(REDIS_URL=redis_url) for _ in range(2))
    heard = listening(app)
    client = app.extensions["gatehouse.redis"]
    number = client.connection_pool.connection_kwargs["db"]
    for nonsense in (b"{", b"[]", b"{}", b'{"from":"","user_id":"x","session_id":null,"text":""}'):
        assert client.publish(f"gatehouse.push.{number}", nonsense) == 1
    with other.app_context():
        push.publish(HELLO, to=EVERYONE)
    assert heard.get(timeout=5).to == EVERYONE
    assert heard.empty()
    # Where the log goes depends on who set it up before.
    assert "".join(capfd.readouterr()).count("push_not_understood") == 4


def test_f4_without_redis_a_process_hears_itself_and_is_heard_again_later(
    make_infra_app: MakeApp, listening: Listening, redis_url: str
) -> None:
    """Nobody waits for a Redis that is away, and each process goes on looking for it."""
    place = urlsplit(redis_url)
    with FaultyProxy(place.hostname or "", place.port or 6379) as proxy:
        url = redis_url.replace(f":{place.port}/", f":{proxy.port}/")
        here, there = (make_infra_app(REDIS_URL=url) for _ in range(2))
        heard, elsewhere = listening(here), listening(there)
        proxy.refuse()
        began = time.monotonic()
        with here.app_context():
            for _ in range(20):
                push.publish(HELLO, to=EVERYONE)
        assert time.monotonic() - began < 1
        assert heard.qsize() == 20
        assert elsewhere.empty()

        proxy.accept()
        limit = time.monotonic() + 10
        while elsewhere.empty():
            assert time.monotonic() < limit, "it is not heard again"
            with here.app_context():
                push.publish({"type": "again"}, to=EVERYONE)
            time.sleep(0.1)
        assert elsewhere.get().text == '{"type":"again"}'


def test_f5_a_redis_that_hangs_costs_a_moment_now_and_then(
    make_infra_app: MakeApp, listening: Listening, redis_url: str
) -> None:
    place = urlsplit(redis_url)
    with FaultyProxy(place.hostname or "", place.port or 6379) as proxy:
        app = make_infra_app(REDIS_URL=redis_url.replace(f":{place.port}/", f":{proxy.port}/"))
        heard = listening(app)
        proxy.mode = "hang"
        began = time.monotonic()
        with app.app_context():
            for _ in range(50):
                push.publish(HELLO, to=EVERYONE)
        assert time.monotonic() - began < 1
        assert heard.qsize() == 50
