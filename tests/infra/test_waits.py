"""Who waits for something outside the process lets others work meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from queue import Queue
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import text

from gatehouse.infra import db, redis, threads
from gatehouse.infra.threads import NEAR_SECONDS, Threads
from tests.infra.conftest import MakeApp
from tests.infra.faults import FaultyProxy

LONG_SECONDS = 10.0
Serving = Callable[[Callable[[], object]], None]


@pytest.fixture
def said() -> Queue[str]:
    """What those who are served have said."""
    return Queue()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """Serve what is given, one at a time, and however long it takes."""
    monkeypatch.setattr(threads, "LONG_SECONDS", LONG_SECONDS)
    served = Threads(10, lambda act: act(), look=lambda _: None, awaken=lambda: None)

    def add(act: Callable[[], object]) -> None:
        served.add(act)
        served.hand_over()

    yield add
    served.shutdown()


def test_for_a_connection_of_the_writer(infra_app: Flask, serve: Serving, said: Queue[str]) -> None:
    def write() -> None:
        with infra_app.app_context(), db.unit():
            db.session.execute(text("SELECT 1"))
        said.put("written")

    with ExitStack() as others:
        with infra_app.app_context():
            engine = db.sqlalchemy.engine
            for _ in range(engine.pool.size()):  # type: ignore[attr-defined]
                others.enter_context(engine.connect())
        serve(write)
        serve(lambda: said.put("meanwhile"))
        assert said.get(timeout=LONG_SECONDS / 2) == "meanwhile"
    assert said.get(timeout=LONG_SECONDS / 2) == "written"


def test_for_an_answer_of_a_redis_that_is_far(
    make_infra_app: MakeApp, redis_url: str, serve: Serving, said: Queue[str]
) -> None:
    place = urlsplit(redis_url)
    with FaultyProxy(place.hostname or "", place.port or 6379) as proxy:
        app = make_infra_app(REDIS_URL=redis_url.replace(f":{place.port}/", f":{proxy.port}/"))
        proxy.delay_seconds = 3 * NEAR_SECONDS
        with app.app_context():
            for _ in range(5):
                assert not redis.is_away()

        def ask() -> None:
            with app.app_context():
                said.put(f"away: {redis.is_away()}")

        proxy.mode = "hang"
        serve(ask)
        serve(lambda: said.put("meanwhile"))
        assert said.get(timeout=LONG_SECONDS / 2) == "meanwhile"
        assert said.get(timeout=LONG_SECONDS / 2) == "away: True"
