"""The cache: read once, kept for a while, never in the way; and Redis in trouble."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis as vendor
from flask import Flask

from gatehouse.infra import cache, redis
from gatehouse.infra.cache import Cache, Space
from gatehouse.infra.cache.stores import MOST_BYTES, MemoryStore, RedisStore
from tests.infra.conftest import MakeApp
from tests.infra.faults import FaultyProxy
from tests.support.api import Api, Person

SHORT = Space("short", seconds=2)
LONG = Space("long")
LOCAL = Space("local", is_local=True)
TWO_WORKERS = {"WORKERS": "2", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}


class Made:
    """Makes values, and counts how often it was asked to."""

    def __init__(self, value: Any = 1) -> None:
        self.value = value
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        return self.value


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for Redis on a busy machine: for tests of what it keeps when it answers."""
    monkeypatch.setattr(redis, "PATIENCE_SECONDS", 5.0)


@pytest.fixture
def make(make_infra_app: MakeApp) -> Callable[..., Flask]:
    """Make applications of infra with a cache."""

    def made(**variables: str) -> Flask:
        app = make_infra_app(**variables)
        cache.init_app(app, app.config["SETTINGS"])
        return app

    return made


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest, make: Callable[..., Flask], patient: None) -> Flask:
    """An application that keeps in memory, and one that keeps in Redis."""
    if request.param == "memory":
        return make()
    return make(REDIS_URL=empty(request.getfixturevalue("redis_url")))


@pytest.fixture
def proxy(redis_url: str) -> Iterator[FaultyProxy]:
    """A way to an empty Redis that can be disturbed."""
    parts = urlsplit(empty(redis_url))
    with FaultyProxy(parts.hostname or "", parts.port or 0) as proxy:
        yield proxy


@pytest.fixture
def disturbed(make: Callable[..., Flask], redis_url: str, proxy: FaultyProxy) -> Flask:
    """An application whose Redis can be disturbed."""
    port = urlsplit(redis_url).port
    url = redis_url.replace(f":{port}/", f":{proxy.port}/")
    return make(REDIS_URL=url, **TWO_WORKERS)


def empty(url: str) -> str:
    with vendor.Redis.from_url(url) as client:
        client.flushdb()
    return url


def store_of(app: Flask) -> RedisStore:
    """Return where an application keeps what its processes share."""
    present = app.extensions[cache.EXTENSION]
    assert isinstance(present, Cache)
    assert isinstance(present._shared, RedisStore)
    return present._shared


@pytest.mark.parametrize("value", [0, None, "", [], {"a": [1, None, "é"]}, 12.5, False])
def test_a_value_is_made_once(kept: Flask, value: Any) -> None:
    made = Made(value)
    with kept.app_context():
        for _ in range(3):
            assert cache.read_through(LONG, "a", made) == value
        assert cache.read_through(LONG, "b", made) == value
        assert cache.read_through(LOCAL, "a", made) == value
    assert made.times == 3


def test_a_value_is_over_after_its_time(kept: Flask) -> None:
    made = Made()
    with kept.app_context():
        cache.read_through(SHORT, "a", made)
        time.sleep(2.1)
        cache.read_through(SHORT, "a", made)
    assert made.times == 2


def test_what_a_reader_does_with_a_value_is_theirs(kept: Flask) -> None:
    with kept.app_context():
        for _ in range(2):
            found = cache.read_through(LONG, "a", lambda: {"names": ["a"]})
            found["names"].append("b")
            assert found == {"names": ["a", "b"]}


def test_an_error_is_told_and_not_kept(kept: Flask) -> None:
    def fail() -> None:
        raise LookupError("away")

    with kept.app_context():
        with pytest.raises(LookupError):
            cache.read_through(LONG, "a", fail)
        assert cache.read_through(LONG, "a", Made(7)) == 7


def test_of_a_herd_one_makes_the_value(kept: Flask) -> None:
    made, gate = Made({"n": 1}), threading.Event()

    def slowly() -> Any:
        gate.wait(5)
        return made()

    def ask(_: int) -> Any:
        with kept.app_context():
            return cache.read_through(LONG, "herd", slowly)

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, number) for number in range(20)]
        time.sleep(0.3)
        gate.set()
        assert all(one.result() == {"n": 1} for one in asked)
    assert made.times == 1


def test_a_herd_is_told_the_error_of_the_one_who_made(kept: Flask) -> None:
    calls, gate = [], threading.Event()

    def fail() -> None:
        calls.append(1)
        gate.wait(5)
        raise LookupError("away")

    def ask(_: int) -> Any:
        with kept.app_context():
            return cache.read_through(LONG, "herd", fail)

    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(ask, number) for number in range(10)]
        time.sleep(0.3)
        gate.set()
        assert all(isinstance(one.exception(), LookupError) for one in asked)
    assert len(calls) == 1


def test_without_time_nothing_is_kept(make: Callable[..., Flask]) -> None:
    made = Made()
    with make(CACHE_TTL_SECONDS="0").app_context():
        for _ in range(3):
            cache.read_through(LONG, "a", made)
    assert made.times == 3


def test_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    at = [0.0]
    store = MemoryStore(most=3, clock=lambda: at[0])
    for name in "abc":
        store.put(name, b"1", 10)
    store.get("a")
    store.put("d", b"1", 10)
    assert [name for name in "abcd" if store.get(name)] == ["a", "c", "d"]
    store.put("long", b"x" * (MOST_BYTES + 1), 10)
    assert store.get("long") is None
    at[0] = 10
    assert store.get("a") is None
    assert len(store) == 2


def test_processes_share_what_one_has_made(
    make: Callable[..., Flask], redis_url: str, patient: None
) -> None:
    made, local = Made(), Made()
    url = empty(redis_url)
    for _ in range(2):
        with make(REDIS_URL=url).app_context():
            cache.read_through(LONG, "zoe@example.com", made)
            cache.read_through(LOCAL, "a", local)
    assert (made.times, local.times) == (1, 2)
    with vendor.Redis.from_url(url) as client:
        [name] = client.keys("*")
        assert name.startswith(b"gatehouse:cache:1:long:"), "prefixed and versioned"
        # No digest in hexadecimal holds this name by chance.
        assert b"zoe" not in name, "what was looked for is nobody's to read"
        assert 0 < client.ttl(name) <= 3600


def test_the_setting_bounds_every_time(
    make: Callable[..., Flask], redis_url: str, patient: None
) -> None:
    url = empty(redis_url)
    with make(REDIS_URL=url, CACHE_TTL_SECONDS="5").app_context():
        cache.read_through(LONG, "a", Made())
    with vendor.Redis.from_url(url) as client:
        [name] = client.keys("*")
        assert client.ttl(name) <= 5


def test_what_somebody_else_wrote_is_made_anew(
    make: Callable[..., Flask], redis_url: str, patient: None
) -> None:
    url = empty(redis_url)
    made = Made({"n": 1})
    with make(REDIS_URL=url).app_context(), vendor.Redis.from_url(url) as client:
        cache.read_through(LONG, "a", made)
        client.set(client.keys("*")[0], b"\x80\x04not JSON")
        assert cache.read_through(LONG, "a", made) == {"n": 1}
    assert made.times == 2


@pytest.mark.parametrize("trouble", ["hang", "refuse"])
def test_F4_F5_redis_in_trouble_costs_one_short_wait(
    disturbed: Flask, proxy: FaultyProxy, trouble: str
) -> None:
    made = Made()
    with disturbed.app_context():
        cache.read_through(LONG, "warm", made)
        if trouble == "hang":
            proxy.mode = "hang"
        else:
            proxy.refuse()
        waits = [seconds(lambda n=n: cache.read_through(LONG, f"{n}", made)) for n in range(200)]
        assert max(waits) < 0.3, "100 ms, and what a busy machine adds"
        assert sorted(waits)[-5] < 0.05, "the breaker spares all but a few"
        before = made.times
        for number in range(190, 200):
            cache.read_through(LONG, f"{number}", made)
        assert made.times == before, "meanwhile each process keeps for itself"
        proxy.accept()
        until = time.monotonic() + 5
        while store_of(disturbed).breaker.is_open and time.monotonic() < until:
            cache.read_through(LONG, "heals", made)
            time.sleep(0.05)
        assert not store_of(disturbed).breaker.is_open


def test_F6_an_emptied_redis_is_a_miss(kept: Flask) -> None:
    made = Made()
    client = kept.extensions[redis.EXTENSION]
    with kept.app_context():
        for _ in range(3):
            cache.read_through(LONG, "a", made)
            if client is not None:
                client.flushdb()
    assert made.times == (1 if client is None else 3)


def test_what_decides_about_access_never_asks_the_cache(
    client: Api, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("somebody asked the cache")

    monkeypatch.setattr(cache, "read_through", refuse)
    person = client.sign_up()
    person.get("/users/me").expect(200)
    person.get("/users").expect(403)
    admin.put(f"/users/{person.id}/roles", {"roles": ["user", "admin"]}).expect(200)
    person.get("/users").expect(200)
    person.refreshed().get("/users/me").expect(200)
    admin.patch(f"/users/{person.id}", {"is_active": False}).expect(200)
    person.get("/users/me").expect(401)
    client.at().try_log_in(person.email).expect(401)


def seconds(function: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
