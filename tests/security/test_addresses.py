"""Whose address counts, and limits over processes and without their store (R50, R51, R56, R57)."""

import socket
from contextlib import ExitStack, closing
from time import perf_counter

import pytest
from flask import Flask

from gatehouse.infra.redis import EXTENSION as REDIS
from tests.conftest import MakeApp
from tests.security.test_processes import behind_proxy
from tests.servers.server import free_port
from tests.support.answers import InProcess
from tests.support.api import Api, new_address, new_email
from tests.support.clocks import Clock

WRONG = "a wrong Password of tests"
FIVE = {"LIMITS": "login_failures=5/10minute"}


def failures(api: Api, headers: dict[str, str] | None = None) -> int:
    """Guess at names that nobody has until a limit holds; return how many were judged."""
    for number in range(200):
        body = {"username": new_email(), "password": WRONG}
        answer = api.post("/auth/login", body, headers=headers)
        if answer.status == 429:
            return number
        answer.expect(401)
    return 200


def forwarded(address: str) -> dict[str, str]:
    """Return every header in which a client may claim an address."""
    return {
        "X-Forwarded-For": address,
        "Forwarded": f"for={address}",
        "X-Real-IP": address,
        "X-Client-IP": address,
        "CF-Connecting-IP": address,
        "True-Client-IP": address,
        "X-Originating-IP": address,
        "X-Cluster-Client-IP": address,
    }


@pytest.mark.settings(**FIVE)
def test_r50_a_stranger_cannot_choose_an_address(client: Api) -> None:
    stranger = client.at()
    for _ in range(5):
        answer = stranger.request(
            "POST",
            "/api/v1/auth/login",
            json={"username": new_email(), "password": WRONG},
            headers=forwarded(new_address()),
        )
        answer.expect(401)
    assert failures(stranger, forwarded(new_address())) == 0
    person = client.at("203.0.113.77").sign_up()
    body = {"username": person.email, "password": person.password}
    client.at("203.0.113.78").post("/auth/login", body, headers=forwarded("192.0.2.1")).expect(200)
    shown = person.get("/auth/sessions").json["sessions"]
    assert {session["address"] for session in shown} == {"203.0.113.77", "203.0.113.78"}


@pytest.mark.settings(TRUSTED_PROXIES="10.99.0.0/16,192.0.2.7/32", **FIVE)
def test_r50_proxies_are_counted_from_the_right(client: Api) -> None:
    person = client.at("203.0.113.77").sign_up()
    body = {"username": person.email, "password": person.password}

    def address(peer: str, chain: str) -> str:
        fields = {"X-Forwarded-For": chain, "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6"}
        token = client.at(peer).post("/auth/login", body, headers=fields).expect(200).json
        found = client.bearing(token["access_token"]).get("/auth/sessions").json["sessions"]
        (mine,) = [session for session in found if session["is_current"]]
        return str(mine["address"])

    assert address("10.99.0.1", "198.51.100.20") == "198.51.100.20"
    assert address("10.99.0.1", "6.6.6.6, 198.51.100.20") == "198.51.100.20"
    assert address("10.99.0.1", "6.6.6.6, 198.51.100.20, 192.0.2.7") == "198.51.100.20"
    assert address("10.99.0.1", "6.6.6.6, 198.51.100.20, 10.99.3.3, 192.0.2.7") == "198.51.100.20"
    assert address("10.99.0.1", "6.6.6.6, nonsense") == "10.99.0.1"
    assert address("10.99.0.1", "6.6.6.6, 198.51.100.20:4711") == "198.51.100.20"
    assert address("10.98.0.1", "198.51.100.20") == "10.98.0.1"
    assert address("10.99.0.1", "[2001:db8::5]:4711") == "2001:db8::5"
    # Behind a proxy every client has a limit of its own, and forged hops change nothing.
    assert failures(client.at("10.99.0.1"), {"X-Forwarded-For": "198.51.100.30"}) == 5
    assert failures(client.at("10.99.0.1"), {"X-Forwarded-For": "6.6.6.7, 198.51.100.30"}) == 0
    assert failures(client.at("10.99.0.1"), {"X-Forwarded-For": "198.51.100.31"}) == 5


@pytest.mark.settings(**FIVE)
def test_r51_one_bucket_for_a_network_and_for_every_spelling(client: Api) -> None:
    network = [
        "2001:db8:1:2::1",
        "2001:0DB8:0001:0002:0000:0000:0000:0002",
        "2001:db8:1:2:ffff:ffff:ffff:ffff",
        "2001:db8:1:2:0:0:0:4",
        "2001:db8:1:2::0.0.0.5",
    ]
    for address in network:
        client.at(address).try_log_in(new_email(), WRONG).expect(401)
    for address in (*network, "2001:db8:1:2:dead:beef::"):
        client.at(address).try_log_in(new_email(), WRONG).expect(429)
    client.at("2001:db8:1:3::1").try_log_in(new_email(), WRONG).expect(401)

    mapped = ["192.0.2.44", "::ffff:192.0.2.44", "::FFFF:c000:022c", "0:0:0:0:0:ffff:192.0.2.44"]
    for address in [*mapped, mapped[0]]:
        client.at(address).try_log_in(new_email(), WRONG).expect(401)
    for address in mapped:
        client.at(address).try_log_in(new_email(), WRONG).expect(429)
    client.at("192.0.2.45").try_log_in(new_email(), WRONG).expect(401)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_r56_processes_share_their_limits(app: Flask, make_app: MakeApp, clock: Clock) -> None:
    """Four workers of two instances are four applications that share nothing but the stores."""
    clock.stop()
    address = new_address()
    workers = [Api(InProcess(make_app(WORKERS="4", **FIVE)), address=address) for _ in range(4)]
    judged = 0
    for number in range(40):
        answer = workers[number % 4].try_log_in(new_email(), WRONG)
        judged += answer.status == 401
    assert judged == 5
    # The counters of accounts lie in the database, and are one as well.
    name, judged = new_email(), 0
    for number in range(40):
        judged += workers[number % 4].at().try_log_in(name, WRONG).status == 401
    assert judged == 10


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_r57_without_the_store_limits_get_narrower(make_app: MakeApp) -> None:
    gone = f"redis://127.0.0.1:{free_port()}/0"
    workers = [
        Api(InProcess(make_app(WORKERS="4", REDIS_URL=gone, LIMITS="login_failures=8/10minute")))
        for _ in range(4)
    ]
    address = new_address()
    assert [failures(worker.at(address)) for worker in workers] == [2, 2, 2, 2]
    for worker in workers:
        assert worker.at().sign_up().is_in()
        assert worker.request("GET", "/ready").status == 200
        assert worker.request("GET", "/ready").json == {"status": "degraded"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_r57_a_store_that_hangs_costs_next_to_nothing(make_app: MakeApp, app: Flask) -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as hole:
        url = f"redis://127.0.0.1:{hole.getsockname()[1]}/0"
        stuck = Api(InProcess(make_app(REDIS_URL=url, LIMITS="login_failures=6/10minute")))
        usual = Api(InProcess(app))
        assert sorted(times(stuck))[10] - sorted(times(usual))[10] <= 0.05
        assert max(times(stuck)) - min(times(usual)) <= 0.5
        assert failures(stuck.at()) == 6


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_r57_a_slow_store_costs_50_ms_at_most(
    make_app: MakeApp, app: Flask, redis_url: str
) -> None:
    """One that answers in time is waited for; one that does not is soon asked no more."""
    for delay_seconds in (0.02, 0.035, 0.2):
        with ExitStack() as stack:
            proxy, url = behind_proxy(stack, redis_url)
            slow = Api(InProcess(make_app(REDIS_URL=url, LIMITS="login_failures=6/10minute")))
            usual = Api(InProcess(app))
            assert slow.at().sign_up().is_in()
            proxy.delay_seconds = delay_seconds
            added = sorted(times(slow))[10] - sorted(times(usual))[10]
            assert added <= 0.05, delay_seconds
            assert failures(slow.at()) == 6


def times(api: Api) -> list[float]:
    """Return how long each of some limited requests took, in seconds."""
    found = []
    for _ in range(20):
        begin = perf_counter()
        api.at().post("/auth/password-reset", {"email": new_email()}).expect(202)
        found.append(perf_counter() - begin)
    return found


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.settings(**FIVE)
def test_r57_a_store_that_is_flushed_opens_no_door(app: Flask, client: Api) -> None:
    stranger, judged = client.at(), 0
    for _ in range(20):
        judged += stranger.try_log_in(new_email(), WRONG).status == 401
        app.extensions[REDIS].flushdb()
    assert judged == 5
