"""Limits: right counts and waiting times, one count for all processes, and Redis in trouble."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import redis as vendor
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.core.errors import Refusal
from gatehouse.infra import limits, redis
from gatehouse.infra.limits import RateLimited, Rule
from gatehouse.infra.limits.counters import LocalCounters
from gatehouse.infra.redis import Breaker
from gatehouse.settings import SettingsError
from tests.infra.conftest import MakeApp
from tests.infra.faults import FaultyProxy

FIVE = Rule("five", "5/minute")
PAIR = Rule("pair", "2/second;3/minute")
# Several processes need another database than SQLite; nothing here speaks to it.
TWO_WORKERS = {"WORKERS": "2", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
FOUR_WORKERS = TWO_WORKERS | {"WORKERS": "4"}
MANY = Rule("many", "40/minute")


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for Redis on a busy machine: for tests of what it counts when it answers."""
    monkeypatch.setattr(redis, "PATIENCE_SECONDS", 5.0)


@pytest.fixture(params=["memory", "redis"])
def app(request: pytest.FixtureRequest, make_infra_app: MakeApp, patient: None) -> Flask:
    """An application that counts in memory, and one that counts in Redis."""
    if request.param == "memory":
        return make_infra_app(WORKERS="1")
    return make_infra_app(WORKERS="1", REDIS_URL=empty(request.getfixturevalue("redis_url")))


@pytest.fixture
def proxy(redis_url: str) -> Iterator[FaultyProxy]:
    """A way to an empty Redis that can be disturbed."""
    parts = urlsplit(empty(redis_url))
    with FaultyProxy(parts.hostname or "", parts.port or 0) as proxy:
        yield proxy


def empty(url: str) -> str:
    with vendor.Redis.from_url(url) as client:
        client.flushdb()
    return url


def through(proxy: FaultyProxy, redis_url: str) -> str:
    port = urlsplit(redis_url).port
    return redis_url.replace(f":{port}/", f":{proxy.port}/")


def passed(rule: Rule, *key: str, times: int) -> int:
    """Return how many of `times` hits were let through."""
    number = 0
    for _ in range(times):
        try:
            limits.hit(rule, *key)
            number += 1
        except RateLimited:
            pass
    return number


def ninety_ninth(rule: Rule, *, times: int) -> float:
    """Return the seconds within which 99 of 100 hits, each of another key, were judged."""
    durations = []
    for number in range(times):
        begun = time.perf_counter()
        passed(rule, f"latency-{number}", times=1)
        durations.append(time.perf_counter() - begun)
    return sorted(durations)[times * 99 // 100]


def test_a_limit_lets_its_number_through_and_no_more(app: Flask) -> None:
    with app.app_context():
        assert passed(FIVE, "a", times=8) == 5
        assert passed(FIVE, "b", times=8) == 5


def test_all_windows_of_a_rule_hold_and_what_one_refuses_the_longer_does_not_count(
    app: Flask,
) -> None:
    with app.app_context():
        assert passed(PAIR, "a", times=9) == 2
        time.sleep(2.05)
        assert passed(PAIR, "a", times=9) == 1


def test_asking_counts_nothing_and_counting_asks_nothing(app: Flask) -> None:
    with app.app_context():
        for _ in range(9):
            limits.test(FIVE, "a")
        for _ in range(9):
            limits.count(FIVE, "a")
        with pytest.raises(RateLimited):
            limits.test(FIVE, "a")


def test_whoever_waits_as_long_as_told_is_let_in(app: Flask) -> None:
    rule = Rule("short", "3/2seconds")
    with app.app_context():
        assert passed(rule, "a", times=4) == 3
        with pytest.raises(RateLimited) as caught:
            limits.hit(rule, "a")
        seconds = int(caught.value.headers["Retry-After"])
        assert 1 <= seconds <= 3
        time.sleep(seconds)
        limits.hit(rule, "a")


def test_parallel_hits_are_counted_one_by_one(app: Flask) -> None:
    def hit(_: int) -> int:
        with app.app_context():
            return passed(MANY, "a", times=1)

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(hit, range(120))) == 40


def test_R49_a_route_answers_429_with_seconds_to_wait(app: Flask) -> None:
    @app.post("/sign-up")
    @limits.by_address(FIVE)
    def sign_up() -> str:
        return "done"

    @app.errorhandler(Refusal)
    def refused(error: Refusal) -> tuple[str, int, dict[str, str]]:
        return error.code, error.status, error.headers

    assert sign_up._limits == (FIVE,)
    client = app.test_client()
    answers = [client.post("/sign-up") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].text == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 120


def test_R51_one_network_is_one_bucket_in_every_spelling(make_infra_app: MakeApp) -> None:
    app = make_infra_app(WORKERS="1")

    @app.get("/")
    @limits.by_address(FIVE)
    def index() -> str:
        return "done"

    @app.errorhandler(RateLimited)
    def refused(error: RateLimited) -> tuple[str, int]:
        return error.code, error.status

    client = app.test_client()
    spellings = [
        "2001:db8::1",
        "2001:0DB8:0:0::2",
        "2001:db8::ffff:1",
        "2001:db8:0:0:9::",
        "2001:db8::3",
    ]
    for address in spellings:
        assert client.get("/", environ_base={"REMOTE_ADDR": address}).status_code == 200
    for address in ["2001:db8::4", "2001:db8::1"]:
        assert client.get("/", environ_base={"REMOTE_ADDR": address}).status_code == 429
    assert client.get("/", environ_base={"REMOTE_ADDR": "2001:db8:0:1::1"}).status_code == 200


def test_a_route_without_a_limit_pays_nothing(make_infra_app: MakeApp) -> None:
    app = make_infra_app(REDIS_URL="redis://127.0.0.1:1/0")
    assert not any(app.before_request_funcs.values())
    assert not any(app.after_request_funcs.values())
    assert not any(app.teardown_request_funcs.values())
    assert app.extensions["limiter"]


def test_settings_override_a_limit_by_name_and_unknown_names_are_refused(
    make_infra_app: MakeApp,
) -> None:
    app = make_infra_app(WORKERS="1", LIMITS="five=2/minute,fife=3/minute")
    limits.declare(app, [FIVE, MANY])
    with app.app_context():
        assert passed(FIVE, "a", times=4) == 2
    with pytest.raises(SettingsError, match="no limit fife; there are: five, many"):
        limits.refuse_unknown(app)


def test_R56_processes_and_instances_count_together(
    make_infra_app: MakeApp, redis_url: str, patient: None
) -> None:
    url = empty(redis_url)
    number = 0
    for app in [make_infra_app(REDIS_URL=url, **FOUR_WORKERS) for _ in range(8)]:
        with app.app_context():
            number += passed(MANY, "a", times=40)
    assert number == 40


def test_R57_F4_without_redis_a_process_gives_its_share(make_infra_app: MakeApp) -> None:
    app = make_infra_app(REDIS_URL="redis://127.0.0.1:1/0", **FOUR_WORKERS)
    with app.app_context():
        assert passed(MANY, "a", times=100) == 10
        assert passed(Rule("one", "1/hour"), "a", times=10) == 1
        with pytest.raises(RateLimited) as caught:
            limits.test(MANY, "a")
        assert int(caught.value.headers["Retry-After"]) >= 1
        assert ninety_ninth(MANY, times=1000) < 0.05


def test_R57_F5_a_silent_redis_costs_one_short_wait_now_and_then(
    make_infra_app: MakeApp, redis_url: str, proxy: FaultyProxy
) -> None:
    app = make_infra_app(REDIS_URL=through(proxy, redis_url), **TWO_WORKERS)
    with app.app_context():
        assert passed(MANY, "a", times=30) == 30
        proxy.mode = "hang"
        assert passed(MANY, "a", times=30) == 0, "what was used before counts on"
        assert passed(MANY, "b", times=30) == 20
        storage = limits._present().storage
        with patch.object(storage.breaker, "failed", wraps=storage.breaker.failed) as waits:
            begun = time.monotonic()
            assert ninety_ninth(MANY, times=2000) < 0.05
            assert waits.call_count <= 2 + (time.monotonic() - begun) / 0.2
        proxy.accept()
        assert heals(app, within=5)
        assert passed(MANY, "a", times=30) in {9, 10}, "a late Redis still counts what it was sent"


def test_R57_F4_redis_goes_and_comes_back(
    make_infra_app: MakeApp, redis_url: str, proxy: FaultyProxy
) -> None:
    app = make_infra_app(REDIS_URL=through(proxy, redis_url), **TWO_WORKERS)
    with app.app_context():
        assert passed(MANY, "a", times=10) == 10
        proxy.refuse()
        assert passed(MANY, "a", times=40) == 10
        proxy.accept()
        assert heals(app, within=5)


def test_R57_F6_an_emptied_redis_opens_no_door(
    make_infra_app: MakeApp, redis_url: str, patient: None
) -> None:
    app = make_infra_app(REDIS_URL=empty(redis_url), **TWO_WORKERS)
    number = 0
    with app.app_context():
        for _ in range(10):
            number += passed(MANY, "a", times=20)
            empty(redis_url)
    assert number == 40


def test_R57_a_redis_that_refuses_commands_is_no_error(
    make_infra_app: MakeApp, redis_url: str
) -> None:
    wrong = f"redis://:wrong@127.0.0.1:{urlsplit(redis_url).port}/0"
    app = make_infra_app(REDIS_URL=wrong, **FOUR_WORKERS)
    with app.app_context():
        assert passed(MANY, "a", times=40) == 10


def heals(app: Flask, *, within: float) -> bool:
    """Tell whether hits are counted in Redis again before the time is over."""
    storage = limits._present().storage
    until = time.monotonic() + within
    while time.monotonic() < until:
        passed(MANY, "heals", times=1)
        if not storage.breaker.is_open:
            return True
        time.sleep(0.05)
    return False


def test_the_breaker_lets_one_caller_try_and_pauses_longer_each_time() -> None:
    clock = Clock()
    breaker = Breaker("test", clock=clock)
    assert breaker.allows()
    assert breaker.allows()
    pauses = []
    for _ in range(8):
        breaker.failed(OSError())
        begun = clock.at
        while not breaker.allows():
            clock.at += 0.05
        assert not breaker.allows(), "one at a time"
        pauses.append(round(clock.at - begun, 2))
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2], abs=0.06)
    breaker.succeeded()
    assert breaker.allows()


def test_memory_is_bounded_and_forgets_what_is_over() -> None:
    clock = Clock()
    counters = LocalCounters(most=100, clock=clock)
    for number in range(1000):
        counters.add(f"a{number}", expiry=60)
    assert len(counters) == 100
    clock.at += 120
    counters.add("b", expiry=60)
    assert len(counters) == 1


@given(
    limit=st.integers(1, 20),
    expiry=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 150), max_size=60),
)
def test_the_waiting_time_is_neither_too_short_nor_too_long(
    limit: int, expiry: int, pauses: list[float]
) -> None:
    clock = Clock()
    counters = LocalCounters(clock=clock)
    for pause in pauses:
        clock.at += pause
        counters.take("a", limit=limit, expiry=expiry)
    wait = counters.read("a", expiry=expiry).seconds_until_room(limit=limit, expiry=expiry)
    if wait == 0:
        assert counters.take("a", limit=limit, expiry=expiry)
        return
    begun = clock.at
    clock.at = begun + wait * 0.99 - 0.001
    if clock.at > begun:
        assert not counters.take("a", limit=limit, expiry=expiry)
    clock.at = begun + wait + 0.001
    assert counters.take("a", limit=limit, expiry=expiry)


@given(limit=st.integers(1, 20), pauses=st.lists(st.floats(0, 30), max_size=200))
def test_no_window_lets_through_twice_the_limit(limit: int, pauses: list[float]) -> None:
    clock = Clock()
    counters = LocalCounters(clock=clock)
    taken = []
    for pause in pauses:
        clock.at += pause
        if counters.take("a", limit=limit, expiry=60):
            taken.append(clock.at)
    for begin in taken:
        assert sum(begin <= at < begin + 60 for at in taken) <= 2 * limit
